package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// emitting is a fake with machine "counter".
func emitting(t *testing.T) (*apitest.Backend, *client.Client) {
	t.Helper()
	b := apitest.New(nil)
	b.AddMachine("counter")
	return b, apitest.Start(t, b, apitest.Options{}).Client(t)
}

// read is what a query for events gives until it ends by itself, or want is reached.
func read(t *testing.T, c *client.Client, q client.EventQuery, want int) (string, error) {
	t.Helper()
	var out []string
	for e, err := range c.Events(t.Context(), "counter", q) {
		if err != nil {
			return strings.Join(out, " "), err
		}
		if out = append(out, fmt.Sprintf("%v:%s", e.EventID, e.Data)); len(out) == want {
			break
		}
	}
	return strings.Join(out, " "), nil
}

func TestEvents(t *testing.T) {
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		b, c := w.b, w.client(t, w.s.ClientTLS(t), "")
		b.Emit("counter", []byte("a\r\nb"), nil)
		b.Emit("counter", []byte{0xff, 0})
		const all = "3-0:a\r\nb 3-1: 4-0:\xff\x00"
		for _, row := range []struct {
			q    client.EventQuery
			want string
		}{
			{client.EventQuery{Once: true}, all},
			{client.EventQuery{Once: true, From: 1}, all},
			{client.EventQuery{Once: true, From: 4}, "4-0:\xff\x00"},
			{client.EventQuery{Once: true, From: 1, After: client.EventID{Index: 3}}, "3-1: 4-0:\xff\x00"},
			{client.EventQuery{Once: true, From: 5}, ""},
		} {
			if got, err := read(t, c, row.q, 0); got != row.want || err != nil {
				t.Errorf("%+v: %q, %v", row.q, got, err)
			}
		}
		if got, err := read(t, c, client.EventQuery{}, 3); got != all || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestEventsThatCannotBeRead(t *testing.T) {
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		b, c := w.b, w.client(t, w.s.ClientTLS(t), "")
		index := b.Emit("counter", []byte("a"))
		b.Forget("counter", client.EventID{Index: index})
		var p *client.Problem
		if _, err := read(t, c, client.EventQuery{From: 1}, 1); !errors.As(err, &p) || p.Code != client.CodeEventsGone || p.Index != index+1 {
			t.Errorf("%v", err)
		}
		for _, err := range c.Events(t.Context(), "No Name", client.EventQuery{}) {
			if !errors.As(err, &p) || p.Code != client.CodeBadName {
				t.Errorf("%v", err)
			}
		}
		for _, err := range c.Events(t.Context(), "nobody", client.EventQuery{}) {
			if !errors.Is(err, client.ErrNotFound) {
				t.Errorf("%v", err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b.Emit("counter", []byte("last"))
		var last error
		for e, err := range c.Events(ctx, "counter", client.EventQuery{}) {
			if cancel(); err == nil && string(e.Data) != "last" {
				t.Errorf("%+v", e)
			}
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%v", last)
		}
	})
}

// TestEventsGoOnAtAnotherNode cuts streams in three ways, with events before and behind.
func TestEventsGoOnAtAnotherNode(t *testing.T) {
	for _, protocol := range []client.Protocol{client.ProtocolHTTP, client.ProtocolNative} {
		t.Run(string(protocol), func(t *testing.T) { eventsGoOn(t, protocol) })
	}
}

func eventsGoOn(t *testing.T, protocol client.Protocol) {
	b := apitest.New(nil)
	b.AddMachine("counter")
	first, second := apitest.Start(t, b, apitest.Options{NoClientAuth: true, Native: true}), apitest.Start(t, b, apitest.Options{NoClientAuth: true, Native: true})
	pool := first.Pool()
	pool.AddCert(second.Authority())
	conf := first.AnonymousTLS()
	conf.RootCAs = pool
	c, err := client.New(client.Config{Endpoints: []string{first.Address, second.Address}, TLS: conf, Protocol: protocol})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var fails atomic.Int64
	b.Fail(func(operation string) error {
		if operation == "Read" && fails.Add(-1) == 0 {
			return client.NewProblem(client.CodeMachineHalted, "here")
		}
		return nil
	})
	const all = 60
	n := 0
	b.Emit("counter", []byte("0"))
	for e, err := range c.Events(t.Context(), "counter", client.EventQuery{}) {
		if err != nil || string(e.Data) != fmt.Sprint(n) {
			t.Fatalf("%d: %+v, %v", n, e, err)
		}
		if n++; n == all {
			break
		}
		switch n {
		case 20:
			fails.Store(1)
		case 40:
			if err := errors.Join(first.API.Shutdown(t.Context()), first.Native.Shutdown(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		b.Emit("counter", []byte(fmt.Sprint(n)))
	}
	if n != all {
		t.Errorf("%d events", n)
	}
}
