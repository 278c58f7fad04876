package main

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/wraft/wraft/sdk/go"
)

func TestCommands(t *testing.T) {
	var c counter
	ctx := (&wraft.Fake{}).Context()
	for _, step := range []struct{ command, want, fails string }{
		{"incr", `{"value":1}`, ""},
		{"add 41", `{"value":42}`, ""},
		{" add   -2\n", `{"value":40}`, ""},
		{"get", `{"value":40}`, ""},
		{"", "", "unknown command"},
		{"decr", "", "unknown command"},
		{"incr 2", "", "unknown command"},
		{"add two", "", "whole number"},
		{"add", "", "whole number"},
		{"add \x00\u00fc", "", `whole number, got "\x00\xc3\xbc"`},
		{"incr\u00a0", "", `unknown command "incr\xc2\xa0"`},
		{"get", `{"value":40}`, ""},
	} {
		got, err := c.Apply(ctx, []byte(step.command))
		if step.fails != "" {
			if err == nil || !strings.Contains(err.Error(), step.fails) {
				t.Errorf("%q: error %v, want one about %q", step.command, err, step.fails)
			}
			continue
		}
		if err != nil || string(got) != step.want {
			t.Errorf("%q: got %s, %v, want %s", step.command, got, err, step.want)
		}
	}
}

func TestOverflowChangesNothing(t *testing.T) {
	for _, c := range []struct {
		start   int64
		command string
	}{{math.MaxInt64, "incr"}, {math.MinInt64, "add -1"}} {
		m := counter{value: c.start}
		_, err := m.Apply((&wraft.Fake{}).Context(), []byte(c.command))
		var failure *wraft.Error
		if !errors.As(err, &failure) || failure.Status != statusOverflow {
			t.Errorf("%s at %d: error %v, want status %d", c.command, c.start, err, statusOverflow)
		}
		if m.value != c.start {
			t.Errorf("%s at %d: value is now %d", c.command, c.start, m.value)
		}
	}
}

func TestQuery(t *testing.T) {
	c := counter{value: 7}
	ctx := (&wraft.Fake{}).Context()
	for _, q := range []string{"", "get"} {
		if got, err := c.Query(ctx, []byte(q)); err != nil || string(got) != `{"value":7}` {
			t.Errorf("query %q: got %s, %v", q, got, err)
		}
	}
	if _, err := c.Query(ctx, []byte("incr")); err == nil || c.value != 7 {
		t.Errorf("a query may not change the counter: value %d, error %v", c.value, err)
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	for _, want := range []int64{0, 42, math.MaxInt64, math.MinInt64} {
		var b bytes.Buffer
		if err := (&counter{value: want}).Snapshot(&b); err != nil {
			t.Fatal(err)
		}
		var got counter
		if err := got.Restore(&b, 0); err != nil || got.value != want {
			t.Errorf("restored %d, %v, want %d", got.value, err, want)
		}
	}
	if err := new(counter).Restore(strings.NewReader("not a number"), 0); err == nil {
		t.Error("garbage was restored")
	}
}
