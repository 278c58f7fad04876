package client

import (
	"context"
	"encoding/base64"
	"iter"
	"time"

	"github.com/wraft/wraft/client/wire"
)

// eventsWait is how long a node waits for an event before it says that there is none.
const eventsWait = 5 * time.Second

// EventQuery says which events of a machine to read.
type EventQuery struct {
	// From is the index to begin at; 0 begins with the oldest event that is kept.
	From uint64
	// After is the place of an event to go on behind, unless it is zero. It goes before From.
	After EventID
	// Once ends with the events that there are, instead of waiting for more.
	Once bool
}

// Events reads what a machine emits, each event once and in order, for as long as ctx lasts.
// When a node fails, the next one goes on where that one ended. An error is the last thing
// that comes: CodeEventsGone, with the index to go on from, when events that were asked for
// are not kept any more, or this reader has been slower than the machine for too long.
func (c *Client) Events(ctx context.Context, machine string, q EventQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := CheckMachineName(machine); err != nil {
			yield(Event{}, err)
			return
		}
		r := &eventsReading{at: q.After, yield: yield}
		if q.After == (EventID{}) && q.From != 0 {
			r.at = EventsFrom(q.From)
		}
		r.placed = r.at != (EventID{}) || q.From != 0
		stream := &streamReading{
			client: c, path: machinePath(machine) + "/events", query: "encoding=" + EventTypeBase64, once: q.Once, take: r.take,
			request: func() *wire.Request { return r.request(machine, q.Once) }, answered: r.answered,
		}
		if r.placed {
			stream.at = r.at.String()
		}
		if err := stream.run(ctx); err != nil {
			yield(Event{}, err)
		}
	}
}

// eventsReading is one walk over a machine's events.
type eventsReading struct {
	yield  func(Event, error) bool
	at     EventID
	placed bool // at counts
}

// take hands on an event that has not come yet.
func (r *eventsReading) take(e serverSentEvent) error {
	id, err := ParseEventID(e.id)
	if err != nil {
		return NewProblem(CodeBadAnswer, "%v", err).WithCause(err)
	}
	if !e.dispatched {
		r.at, r.placed = id, true
		return nil
	}
	data, err := base64.StdEncoding.AppendDecode(nil, e.data)
	if err != nil || e.kind != EventTypeBase64 {
		return NewProblem(CodeBadAnswer, "event %s is not in base64", e.id)
	}
	return r.hand(Event{EventID: id, Data: data})
}

// hand hands on an event, unless its place was passed before.
func (r *eventsReading) hand(e Event) error {
	if e.Compare(r.at) <= 0 && r.placed {
		return nil
	}
	r.at, r.placed = e.EventID, true
	if !r.yield(e, nil) {
		return errReaderLeft
	}
	return nil
}

// request asks for the next events over the native protocol. Why without waiting at first: the
// answer tells the place from which to go on, whatever happens then.
func (r *eventsReading) request(machine string, once bool) *wire.Request {
	k := &wire.Request{Kind: wire.KindEvents, Machine: machine}
	if r.placed {
		k.After = &wire.Place{Index: r.at.Index, Number: r.at.Number}
		if !once {
			k.WaitMillis = uint64(eventsWait.Milliseconds())
		}
	}
	return k
}

// answered hands on the events of an answer of the native protocol, and tells behind which place
// the next ones are.
func (r *eventsReading) answered(a *wire.Answer) (at string, err error) {
	for _, e := range a.Events {
		if err := r.hand(Event{EventID: EventID{e.Index, e.Number}, Data: e.Data}); err != nil {
			return r.at.String(), err
		}
	}
	if at := (EventID{a.At.Index, a.At.Number}); !r.placed || at.Compare(r.at) > 0 {
		r.at, r.placed = at, true
	}
	return r.at.String(), nil
}
