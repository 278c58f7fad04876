package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// protocols are those that a session may go over.
var protocols = []client.Protocol{client.ProtocolHTTP, client.ProtocolNative}

// TestSessionThatEndedIsRegisteredAnew: a command that cannot have been applied goes on under
// another session.
func TestSessionThatEndedIsRegisteredAnew(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(string(protocol), func(t *testing.T) {
			b, server := startNative(t, apitest.Options{})
			s, err := server.ClientWith(t, protocol).Register(t.Context(), "counter")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Command(t.Context(), []byte("incr")); err != nil {
				t.Fatal(err)
			}
			old := s.ID()
			b.EndSessions("counter")
			r, err := s.Command(t.Context(), []byte("incr"))
			if err != nil || string(r.Data) != `{"value":2}` || s.ID() == old {
				t.Fatalf("%+v, %v, session %v was %v", r, err, s.ID(), old)
			}
			if last := b.LastCommand(); last.Session != s.ID() || last.Sequence != 1 || last.AcknowledgedBelow != 1 {
				t.Errorf("the backend saw %+v", last)
			}
		})
	}
}

// TestSessionsThatEndAreRegisteredOnce for all callers, whose commands take effect once.
func TestSessionsThatEndAreRegisteredOnce(t *testing.T) {
	b, c := start(t)
	s, err := c.Register(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	const callers, commands = 16, 20
	for range 3 {
		b.EndSessions("counter")
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range commands {
					if _, err := s.Command(t.Context(), []byte("incr")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	if want := fmt.Sprint(3 * callers * commands); b.State("counter") != want || b.Seen("OpenSession") != 4 {
		t.Errorf("the count is %s, want %s; %d sessions, want 4", b.State("counter"), want, b.Seen("OpenSession"))
	}
}

// TestSessionThatEndsInDoubt: what may have been applied is not sent under another session, and
// the next command is.
func TestSessionThatEndsInDoubt(t *testing.T) {
	b, c := start(t)
	s, err := c.Register(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	lost := false
	b.Fail(func(op string) error {
		switch {
		case op == "Command:after" && !lost:
			lost = true
			return client.NewProblem(client.CodeTimeoutUnknown, "lost answer")
		case op == "Command" && lost:
			lost = false
			return client.NewProblem(client.CodeSessionExpired, "evicted")
		}
		return nil
	})
	_, err = s.Command(t.Context(), []byte("incr"))
	wantCode(t, err, client.CodeSessionExpired, client.Unknown)
	if b.State("counter") != "1" || b.Seen("OpenSession") != 1 {
		t.Errorf("the count is %s, %d sessions", b.State("counter"), b.Seen("OpenSession"))
	}
	b.Fail(nil)
	b.EndSessions("counter")
	if r, err := s.Command(t.Context(), []byte("incr")); err != nil || string(r.Data) != `{"value":2}` {
		t.Errorf("the next command: %+v, %v", r, err)
	}
}

// TestSessionThatCannotBeRegisteredAnew says why, and that nothing was applied; one that ends
// again at once is not registered for ever.
func TestSessionThatCannotBeRegisteredAnew(t *testing.T) {
	b, c := start(t)
	s, err := c.Register(t.Context(), "counter")
	if err != nil {
		t.Fatal(err)
	}
	b.Fail(func(op string) error {
		if op == "Command" {
			return client.NewProblem(client.CodeSessionExpired, "evicted")
		}
		return nil
	})
	_, err = s.Command(t.Context(), []byte("incr"))
	if wantCode(t, err, client.CodeSessionExpired, client.NotApplied); b.Seen("Command") != 2 || b.Seen("OpenSession") != 2 {
		t.Errorf("%d commands and %d sessions", b.Seen("Command"), b.Seen("OpenSession"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.Fail(func(op string) error {
		if op == "OpenSession" {
			cancel()
			return client.NewProblem(client.CodeTimeoutUnknown, "lost answer")
		}
		return client.NewProblem(client.CodeSessionExpired, "evicted")
	})
	if _, err := s.Command(ctx, []byte("incr")); err == nil || errors.Is(err, client.ErrUnknownOutcome) || b.State("counter") != "" {
		t.Errorf("without another session: %v, the count is %q", err, b.State("counter"))
	}
}
