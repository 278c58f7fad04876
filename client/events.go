package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// eventsSilenceMax is how long a stream of events may be silent; a node that has nothing to
// say shows a sign of life every five seconds.
const eventsSilenceMax = 15 * time.Second

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
		r := &eventsReading{client: c, machine: machine, query: q, at: q.After, yield: yield}
		if q.After == (EventID{}) && q.From != 0 {
			r.at = EventsFrom(q.From)
		}
		r.placed = r.at != (EventID{}) || q.From != 0
		if err := r.run(ctx); err != nil && !r.left {
			yield(Event{}, err)
		}
	}
}

// eventsReading is one walk over a machine's events.
type eventsReading struct {
	client  *Client
	machine string
	query   EventQuery
	yield   func(Event, error) bool
	at      EventID
	placed  bool // at counts
	began   bool // some node has answered
	left    bool // the reader has had enough
}

// errReaderLeft ends a stream that nobody reads any more.
var errReaderLeft = errors.New("client: the reader has left")

// run reads stream after stream.
func (r *eventsReading) run(ctx context.Context) error {
	if err := CheckMachineName(r.machine); err != nil {
		return err
	}
	pause := r.client.config.BackoffMin
	for {
		from := r.at
		ended, err := r.stream(ctx)
		var p *Problem
		switch {
		case err != nil: // no node answers
			return err
		case r.left, ended == nil && r.query.Once:
			return nil
		case ctx.Err() != nil:
			return asRead(transportProblem(ctx.Err(), r.machine, true))
		case errors.As(ended, &p) && !p.Retryable && p.Code != CodeMachineHalted:
			return p
		}
		if r.at != from {
			pause = r.client.config.BackoffMin
		}
		if !r.client.wait(ctx, pause, 0) {
			return asRead(transportProblem(ctx.Err(), r.machine, true))
		}
		pause = min(2*pause, r.client.config.BackoffMax)
	}
}

// stream reads one stream. ended says why it did, nil: it came to its end.
func (r *eventsReading) stream(ctx context.Context) (ended, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(eventsSilenceMax, func() { cancel(errors.New("client: the node has fallen silent")) })
	defer silence.Stop()
	k := &call{
		method: http.MethodGet, path: machinePath(r.machine) + "/events", query: "encoding=" + EventTypeBase64 + "&follow=" + strconv.FormatBool(!r.query.Once),
		repeatable: true, whole: true, patient: r.began, anywhere: true,
		// Why its error is kept aside: the next stream begins elsewhere.
		consume: func(body io.Reader) error {
			r.began = true
			ended = r.read(&lively{body, silence})
			if cause := context.Cause(ctx); ended != nil && cause != nil {
				ended = cause
			}
			return nil
		},
	}
	if r.placed {
		k.header = http.Header{HeaderLastEventID: {r.at.String()}}
	}
	_, err = r.client.do(ctx, k)
	return ended, asRead(err)
}

// lively puts off the end of a stream for each sign of life.
type lively struct {
	body    io.Reader
	silence *time.Timer
}

// Read implements io.Reader.
func (l *lively) Read(b []byte) (int, error) {
	n, err := l.body.Read(b)
	if n > 0 {
		l.silence.Reset(eventsSilenceMax)
	}
	return n, err
}

// read hands on the events of one stream until it ends: with a *Problem that the node told,
// or nil.
func (r *eventsReading) read(body io.Reader) error {
	in := newServerSentEvents(body)
	for {
		e, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.kind == EventTypeProblem {
			p := new(Problem)
			if err := json.Unmarshal(e.data, p); err != nil || p.Code == "" {
				return NewProblem(CodeBadAnswer, "a stream of events ends with a problem that is none: %.80q", e.data)
			}
			return p
		}
		id, err := ParseEventID(e.id)
		if err != nil {
			return NewProblem(CodeBadAnswer, "%v", err).WithCause(err)
		}
		if !e.dispatched {
			r.at, r.placed = id, true
			continue
		}
		data, err := base64.StdEncoding.AppendDecode(nil, e.data)
		if err != nil || e.kind != EventTypeBase64 {
			return NewProblem(CodeBadAnswer, "event %s is not in base64", e.id)
		}
		if id.Compare(r.at) <= 0 && r.placed {
			continue
		}
		r.at, r.placed = id, true
		if !r.yield(Event{EventID: id, Data: data}, nil) {
			r.left = true
			return errReaderLeft
		}
	}
}
