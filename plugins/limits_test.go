package plugins_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

func TestLimitsAreValidated(t *testing.T) {
	if err := (plugins.Limits{}).Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	bad := plugins.Limits{ModuleBytesMax: -1, MemoryBytesMax: 5 << 30, CommandBytesMax: -1, EntryBytesMax: 2 << 30,
		ResultBytesMax: -1, ExportBytesMax: -1, LogBytesMax: -1, EventBytesMax: -1,
		FuelCommandMax: -1, FuelEntryMax: -2, FuelBase: -1, FuelPerByte: -1, StackBytesMax: 41_000_000}
	err := bad.Validate()
	if err == nil {
		t.Fatal("nothing was wrong")
	}
	for _, field := range []string{"ModuleBytesMax", "MemoryBytesMax", "CommandBytesMax", "EntryBytesMax", "ResultBytesMax", "ExportBytesMax", "LogBytesMax", "EventBytesMax",
		"FuelCommandMax", "FuelEntryMax", "FuelBase", "FuelPerByte", "StackBytesMax"} {
		if !strings.Contains(err.Error(), field+" is ") {
			t.Errorf("%s is not complained about in: %v", field, err)
		}
	}
	if _, err := plugins.NewEngine(plugins.Config{Limits: bad}); err == nil {
		t.Error("an engine took the limits")
	}
}

func TestCommandsOverTheLimitAreNotGivenToTheGuest(t *testing.T) {
	limits := plugins.Limits{CommandBytesMax: 8}
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
	got := apply(t, i, 1, "add 1", "add 00000001", "add 2", "add 0000000000002", "get")
	want := []string{"0 1", "-2 the command has 12 bytes, the limit is 8", "0 3", "-2 the command has 17 bytes, the limit is 8", "0 3"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := apply(t, i, 2, "add 00000001"); !strings.HasPrefix(got[0], "-2 ") {
		t.Errorf("alone: %q", got)
	}
	r, err := i.Query(context.Background(), []byte("add 00000001"))
	if err != nil || r.Status != plugins.StatusLimits {
		t.Errorf("query: %+v, %v", r, err)
	}
	if got := apply(t, i, 3); len(got) != 0 {
		t.Errorf("an empty entry: %q", got)
	}
}

func TestEntriesOverTheLimit(t *testing.T) {
	limits := plugins.Limits{CommandBytesMax: 16, EntryBytesMax: 40}
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
	got := apply(t, i, 1, "add 1", "add 1", "add 1", "add 1")
	if !slices.Equal(got, []string{"0 1", "0 2", "0 3", "0 4"}) {
		t.Errorf("at the limit: %q", got)
	}
	got = apply(t, i, 2, "add 1", "add 1", "add 1", "add 1", "get")
	want := "-2 the entry has 47 bytes, the limit is 40"
	if !slices.Equal(got, []string{want, want, want, want, want}) {
		t.Errorf("over the limit: %q", got)
	}
	if got := apply(t, i, 3, "get"); got[0] != "0 4" {
		t.Errorf("value %q, want 4", got)
	}
}

func TestResultsOverTheLimit(t *testing.T) {
	limits := plugins.Limits{ResultBytesMax: 1000}
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
	got := apply(t, i, 1, "add 1", "big 1001", "add 1", "get")
	want := []string{"0 1", "-2 the answer has 1009 bytes, the limit is 1000", "0 2", "0 2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMemoryLimitOfAGoGuest(t *testing.T) {
	limits := plugins.Limits{MemoryBytesMax: 16 << 20}
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
	got := apply(t, i, 1, "add 1", "grow 100", "add 1")
	if got[0] != "0 1" || !strings.HasPrefix(got[1], "-1 ") || got[2] != "0 2" {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(got[1], "out of memory") {
		t.Errorf("the trap does not name the reason: %q", got[1])
	}
	if n := i.MemoryBytes(); n > limits.MemoryBytesMax {
		t.Errorf("%d bytes of memory", n)
	}
}

func TestEventsOverTheLimit(t *testing.T) {
	limits := plugins.Limits{EventBytesMax: 64}
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Limits: limits})
	got := apply(t, i, 1, "emit "+strings.Repeat("x", 48), "emit y")
	want := []string{"0 ", "0 "}
	if !slices.Equal(got, want) {
		t.Errorf("commands that fit one at a time: %q", got)
	}
	got = apply(t, i, 2, "emit "+strings.Repeat("x", 49))
	if got[0] != "-2 the entry emits more than 64 bytes of events" {
		t.Errorf("got %q", got)
	}
	if n := len(i.Events()); n != 0 {
		t.Errorf("%d events of a failed command", n)
	}
}

func TestGuestLogsAreBoundedAndWrittenOnce(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil))
	var lines []string
	keep := func(l plugins.LogLine) { lines = append(lines, fmt.Sprintf("%d %v %.10s", l.Index, l.Level, l.Text)) }
	i := start(t, shared, wasmtest.Slow(t), plugins.InstanceConfig{Machine: "m1", Logger: logger, Lines: keep, Limits: plugins.Limits{LogBytesMax: 100}})
	apply(t, i, 7, "log hello", "print printed", "log "+strings.Repeat("z", 200))
	if got := strings.Join(lines, "; "); got != "7 WARN hello; 7 INFO printed; 7 WARN zzzzzzzzzz; 7 WARN 113 bytes " {
		t.Errorf("the lines are %s", got)
	}
	text := out.String()
	for _, want := range []string{`level=WARN msg="guest log" machine=m1 index=7 text=hello`, `level=INFO msg="guest log" machine=m1 index=7 text=printed`, "dropped_bytes=113"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	out.Reset()
	apply(t, i, 8, "log first", "panic x", "log last")
	if n := strings.Count(out.String(), "text=first"); n != 1 {
		t.Errorf("a line of a batch that was applied again stands there %d times:\n%s", n, out.String())
	}
	if !strings.Contains(out.String(), fmt.Sprintf("text=%q", "panic: x")) {
		t.Errorf("the guest's panic is not logged:\n%s", out.String())
	}
}
