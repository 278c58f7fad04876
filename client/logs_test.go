package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
)

// TestLogs reads lines once, from a time or a place on, and goes on where a node fails.
func TestLogs(t *testing.T) {
	b, c := emitting(t)
	b.Log("counter", "info", "a")
	b.Log("counter", "warn", "b")
	first := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	read := func(q client.LogQuery, most int) string {
		t.Helper()
		var out []string
		for l, err := range c.Logs(t.Context(), "counter", q) {
			if err != nil {
				t.Fatal(err)
			}
			if out = append(out, fmt.Sprintf("%s:%s", l.Level, l.Text)); len(out) == most {
				break
			}
		}
		return strings.Join(out, " ")
	}
	if got := read(client.LogQuery{Once: true}, 9); got != "info:a warn:b" {
		t.Errorf("all: %s", got)
	}
	for _, q := range []client.LogQuery{{Since: first.Add(time.Microsecond)}, {After: client.LogPlace(first.UnixMicro())}} {
		if q.Once = true; read(q, 9) != "warn:b" {
			t.Errorf("%+v: %s", q, read(q, 9))
		}
	}
	cut := true
	b.Fail(func(operation string) error {
		if operation == "ReadLog" && cut {
			cut = false
			return client.NewProblem(client.CodeMachineStarting, "as the test wants it")
		}
		return nil
	})
	if got := read(client.LogQuery{}, 2); got != "info:a warn:b" {
		t.Errorf("across a failure: %s", got)
	}
	b.Fail(nil)
	if got := read(client.LogQuery{}, 1); got != "info:a" {
		t.Errorf("who has enough gets %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.Logs(ctx, "counter", client.LogQuery{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
	for _, err := range c.Logs(t.Context(), "No Name", client.LogQuery{}) {
		var p *client.Problem
		if !errors.As(err, &p) || p.Code != client.CodeBadName {
			t.Errorf("%v", err)
		}
	}
}
