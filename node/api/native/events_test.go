package native_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/node/api"
	"github.com/wraft/wraft/node/api/native"
)

// feed is a machine that emitted all its events at index 7, and no more.
type feed struct {
	events []client.Event
	at     client.EventID
	read   chan struct{} // gets one whenever nothing is left to read; nil: nobody looks
}

func (f feed) Events(_ context.Context, _ string, after *client.EventID) (api.EventReader, error) {
	if after != nil {
		f.at = *after
	}
	return &f, nil
}

func (f *feed) At() client.EventID { return f.at }

// Read gives all that there is.
func (f *feed) Read() ([]client.Event, <-chan struct{}, error) {
	for i, e := range f.events {
		if e.Compare(f.at) > 0 {
			f.at = f.events[len(f.events)-1].EventID
			return f.events[i:], nil, nil
		}
	}
	if f.read != nil {
		f.read <- struct{}{}
	}
	return nil, make(chan struct{}), nil
}

// emitted are so many events of so many bytes.
func emitted(n, bytes int) []client.Event {
	events := make([]client.Event, n)
	for i := range events {
		events[i] = client.Event{EventID: client.EventID{Index: 7, Number: uint32(i)}, Data: make([]byte, bytes)}
	}
	return events
}

func asking(id uint64, after *wire.Place, wait time.Duration) *wire.Request {
	return &wire.Request{ID: id, Kind: wire.KindEvents, Machine: "m", After: after, WaitMillis: uint64(wait.Milliseconds())}
}

// TestEventsComeInPieces that fit into an answer, each event once.
func TestEventsComeInPieces(t *testing.T) {
	for name, row := range map[string]struct {
		events []client.Event
		want   string
	}{
		"none":      {nil, "0 "},
		"few":       {emitted(3, 10), "3 "},
		"many":      {emitted(wire.ListMax+1, 1), "1024 more, 1 "},
		"just many": {emitted(wire.ListMax, 1), "1024 "},
		"long":      {emitted(5, 600<<10), "2 more, 2 more, 1 "},
	} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, native.Config{}, backend{command: echo, Emissions: feed{events: row.events}})
			c := n.dial(t)
			got, next := "", 0
			var after *wire.Place
			for id := uint64(1); ; id++ {
				c.send(asking(id, after, 0))
				a := c.receive()
				if a.Problem != nil || a.At == nil {
					t.Fatalf("%s", a.Problem)
				}
				for _, e := range a.Events {
					if e.Index != 7 || int(e.Number) != next {
						t.Fatalf("event %d-%d, want %d", e.Index, e.Number, next)
					}
					next++
				}
				got += fmt.Sprintf("%d ", len(a.Events))
				if after = a.At; !a.More {
					break
				}
				got = got[:len(got)-1] + " more, "
			}
			if got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

func TestEventsAreWaitedForAndNoLongerThanAllowed(t *testing.T) {
	n := serve(t, native.Config{EventsWait: time.Millisecond}, backend{command: echo, Emissions: feed{}})
	c := n.dial(t)
	c.send(asking(1, &wire.Place{Index: 9}, time.Hour))
	if a := c.receive(); a.Problem != nil || len(a.Events) > 0 || a.More || *a.At != (wire.Place{Index: 9}) {
		t.Errorf("%+v", a)
	}
}

// TestWhoWaitsForEventsIsSentElsewhere when the node ends.
func TestWhoWaitsForEventsIsSentElsewhere(t *testing.T) {
	f := feed{read: make(chan struct{}, 1)}
	n := serve(t, native.Config{EventsWait: time.Hour}, backend{command: echo, Emissions: f})
	c := n.dial(t)
	c.send(asking(1, nil, time.Minute))
	<-f.read
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { ended <- n.Shutdown(ctx) }()
	for range 2 { // the connection's end, and the answer
		wantCode(t, c.receive(), client.CodeShuttingDown)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// full has no room for anything.
type full struct{}

var errFull = client.NewProblem(client.CodeBackpressure, "full")

func (full) Enter(string, int64) (func(), error)         { return nil, errFull }
func (full) EnterBatch(string, int) (int, func(), error) { return 0, nil, errFull }
func (full) EnterEvents() (func(), error)                { return nil, errFull }

// TestAFullNodeSaysWhenToComeBack, whatever is asked that it has to count.
func TestAFullNodeSaysWhenToComeBack(t *testing.T) {
	n := serve(t, native.Config{Bounds: full{}}, backend{command: echo, Emissions: feed{}})
	c := n.dial(t)
	for id, kind := range []wire.Kind{wire.KindCommand, wire.KindQuery, wire.KindSession, wire.KindBatch, wire.KindEvents} {
		c.send(&wire.Request{ID: uint64(id) + 1, Kind: kind, Machine: "m"})
		a := c.receive()
		if wantCode(t, a, client.CodeBackpressure); a.RetryAfterMillis != 1000 {
			t.Errorf("%v: %d ms", kind, a.RetryAfterMillis)
		}
	}
	c.send(&wire.Request{ID: 9, Kind: wire.KindMachine, Machine: "m"})
	if a := c.receive(); a.Problem != nil {
		t.Errorf("%s", a.Problem)
	}
}
