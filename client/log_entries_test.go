package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
)

// TestLogEntries reads entries once, from an index on or the newest, goes on where a node fails,
// and says where a log begins that was cut.
func TestLogEntries(t *testing.T) {
	b, c := emitting(t)
	const group = 2
	at := b.Write(group, client.Command{Data: []byte("a")})
	b.Write(group, client.Command{Data: []byte("b")})
	read := func(q client.LogEntryQuery, most int) (string, error) {
		var out []string
		for e, err := range c.LogEntries(t.Context(), group, q) {
			if err != nil {
				return strings.Join(out, " "), err
			}
			if out = append(out, fmt.Sprintf("%d:%s", e.Index-at, e.Commands[0].Data)); len(out) == most {
				break
			}
		}
		return strings.Join(out, " "), nil
	}
	want := func(what string, q client.LogEntryQuery, most int, want string) {
		t.Helper()
		if got, err := read(q, most); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", what, got, err, want)
		}
	}
	want("all", client.LogEntryQuery{Once: true, Data: true}, 9, "0:a 1:b")
	want("without data", client.LogEntryQuery{Once: true}, 9, "0: 1:")
	want("the newest", client.LogEntryQuery{Once: true, Data: true, Newest: 1}, 9, "1:b")
	want("from an index", client.LogEntryQuery{Once: true, Data: true, From: at + 1}, 9, "1:b")
	reads := 0
	b.Fail(func(operation string) error {
		if operation == "ReadEntries" {
			if reads++; reads == 2 {
				return client.NewProblem(client.CodeMachineStarting, "as the test wants it")
			}
		}
		return nil
	})
	want("across a failure", client.LogEntryQuery{Data: true, Newest: 2}, 2, "0:a 1:b")
	b.Fail(nil)
	b.CutLog(group, at)
	var p *client.Problem
	if got, err := read(client.LogEntryQuery{From: at}, 9); !errors.As(err, &p) || p.Code != client.CodeEntriesGone || p.Index != at+1 || got != "" {
		t.Errorf("a log that is cut: %s, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.LogEntries(ctx, group, client.LogEntryQuery{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}
}
