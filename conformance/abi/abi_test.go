package abi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// shared is the engine of all tests, so that each module is compiled once.
var shared *plugins.Engine

func TestMain(m *testing.M) {
	var err error
	if shared, err = plugins.NewEngine(plugins.Config{}); err != nil {
		fmt.Fprintln(os.Stderr, "abi:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := shared.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "abi:", err)
		code = 1
	}
	os.Exit(code)
}

// quick is enough to find what is wrong at once.
var quick = abi.Options{Commands: 64, Fuzz: 64}

func report(t *testing.T, s abi.Subject) *abi.Report {
	t.Helper()
	r, err := abi.Run(t.Context(), shared, s, quick)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Outcomes) != len(abi.Checks()) {
		t.Fatalf("%d outcomes of %d checks", len(r.Outcomes), len(abi.Checks()))
	}
	return r
}

// fails wants a check to fail with some words, and no check but it and those in
// besides.
func fails(t *testing.T, r *abi.Report, check, words string, besides ...string) {
	t.Helper()
	found := false
	for _, o := range r.Failures() {
		if o.Why == "" || o.Failure.Do == "" || o.Failure.Saw == "" {
			t.Errorf("%s: says too little: %+v", o.Check, o)
		}
		if o.Check == check {
			found = strings.Contains(o.Failure.Error(), words)
		} else if !strings.Contains(","+strings.Join(besides, ",")+",", ","+o.Check+",") {
			t.Errorf("%s fails too: %v", o.Check, o.Failure)
		}
	}
	if !found {
		t.Errorf("check %s does not fail with %q:\n%s", check, words, r)
	}
}

// TestEachFaultIsFound runs machines with one fault each. The first has none.
func TestEachFaultIsFound(t *testing.T) {
	for _, c := range []struct {
		fault, check, words string
		besides             []string
	}{
		{fault: ""},
		{fault: "chance"}, // is none: the log's chance is the same everywhere
		{"loops", "hostile input", "out of fuel", []string{"fuel", "alloc"}},
		{"counts in the entry", "framing", "in an entry of 64", []string{"guilty"}},
		{"exports less", "export", "before and", nil},
		{"refuses to export", "export", "not today", []string{"query", "restore replaces", "restore refuses"}},
		{"refuses its export", "export", "refuses an export", []string{"restore replaces"}},
		{"restores on top", "restore replaces", "exports something else", []string{"restore refuses"}},
		{"restores half", "export", "exports other bytes", []string{"restore replaces"}},
		{"does not start", "start", "I won't", nil},
	} {
		t.Run(c.fault, func(t *testing.T) {
			if testing.Short() && c.fault > "exports" {
				t.Skip("each fault is a module to compile")
			}
			r := report(t, abi.Subject{Name: c.fault, Binary: wasmtest.Faulty(t, c.fault)})
			if c.check == "" {
				if !r.OK() {
					t.Errorf("a machine without a fault fails:\n%s", r)
				}
				return
			}
			fails(t, r, c.check, c.words, c.besides...)
		})
	}
}

// TestModulesThatAreNoMachines checks the reports on what the host refuses.
func TestModulesThatAreNoMachines(t *testing.T) {
	program := wasmtest.NewBuilder()
	program.Memory(1, -1)
	program.Export("memory", 2, 0)
	program.Export("_start", 0, program.Function("", "", ""))
	program.Export("wraft_apply", 0, 0)
	r := report(t, abi.Subject{Binary: program.Bytes()})
	fails(t, r, "marker", "wraft_abi_v1", "exports", "admitted")
	fails(t, r, "exports", "wraft_alloc (i32) -> i32 is not exported; wraft_apply has type () -> () instead of (i32, i32) -> i64", "marker", "admitted")
	fails(t, r, "admitted", "_start", "marker", "exports")
	if passed, failed, skipped := r.Counts(); failed != 3 || passed+failed+skipped != len(abi.Checks()) || passed != 1 {
		t.Errorf("%d passed, %d failed, %d skipped", passed, failed, skipped)
	}
	foreign := wasmtest.NewBuilder()
	foreign.Import("env", "console_log", "ii", "")
	fails(t, report(t, abi.Subject{Binary: foreign.Bytes()}), "imports", "env.console_log is not offered", "marker", "exports", "admitted")
	fails(t, report(t, abi.Subject{Binary: []byte("package main")}), "marker", "text file", "exports", "imports", "admitted")
}

// TestMachinesThatBreakFrames are made by hand: an SDK keeps one from these.
func TestMachinesThatBreakFrames(t *testing.T) {
	short := wasmtest.NewMachine(wasmtest.Answer(wasmtest.OutputAt, 4))
	r := report(t, abi.Subject{Binary: short.Bytes()})
	fails(t, r, "framing", "the answer holds 0 results", "alloc", "query", "hostile input", "bounded output", "guilty")
	fails(t, r, "query", "one result", "alloc", "framing", "hostile input", "bounded output", "guilty")
	fails(t, r, "hostile input", "malformed", "alloc", "query", "framing", "bounded output", "guilty")
}

func TestWrongScenarios(t *testing.T) {
	f, err := scenario.Parse("wrong.scenario", []byte("call abc\nwant nothing\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := report(t, abi.Subject{Binary: wasmtest.Faulty(t, ""), Scenarios: []*scenario.File{f}})
	fails(t, r, "scenarios", "wrong.scenario:2: the answer is")
}

// TestUpgrades crosses from one machine to another.
func TestUpgrades(t *testing.T) {
	same := abi.Subject{Binary: wasmtest.Faulty(t, ""), Old: wasmtest.Faulty(t, "chance")}
	if r := report(t, same); !r.OK() || !strings.Contains(r.String(), "ok   upgrade: from version 0, 8 bytes, to 8 bytes") {
		t.Errorf("an upgrade between machines with the same state:\n%s", r)
	}
	foreign := abi.Subject{Binary: wasmtest.Counter(t), Old: wasmtest.Faulty(t, "")}
	fails(t, report(t, foreign), "upgrade", "not a snapshot of a counter")
	refused := abi.Subject{Binary: wasmtest.Faulty(t, ""), Old: []byte("\x00asm\x01\x00\x00\x00")}
	fails(t, report(t, refused), "upgrade", "the earlier version is refused")
}

func TestAContextEndsARun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := abi.Run(ctx, shared, abi.Subject{Binary: wasmtest.Faulty(t, "")}, quick); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
