package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/wraft/wraft/client/wire"
)

// streamSilenceMax is how long a stream may be silent; a node that has nothing to say shows a
// sign of life every five seconds.
const streamSilenceMax = 15 * time.Second

// streamReading reads a stream of server-sent events, and goes on at another node where one
// fails.
type streamReading struct {
	client *Client
	path   string
	query  string // but for follow
	once   bool   // end with what there is
	at     string // the place to go on behind; "": where a node begins
	// take gets what comes. errReaderLeft ends the stream.
	take  func(serverSentEvent) error
	began bool // some node has answered

	// request asks for the next piece over the native protocol, which has no streams, and
	// answered takes it, and tells the place behind it, or errReaderLeft; both nil: it has no
	// word for this.
	request  func() *wire.Request
	answered func(*wire.Answer) (at string, err error)
	// asked says that the last answer was such a piece: the next request follows at once.
	// more: there was more than fits into one.
	asked, more bool
}

// errReaderLeft ends a stream that nobody reads any more.
var errReaderLeft = errors.New("client: the reader has left")

// run reads stream after stream, until the reader leaves or there is no more.
func (r *streamReading) run(ctx context.Context) error {
	pause := r.client.config.BackoffMin
	for {
		from := r.at
		ended, err := r.stream(ctx)
		var p *Problem
		switch {
		case err != nil: // no node answers
			return err
		case errors.Is(ended, errReaderLeft), ended == nil && r.once && !r.more:
			return nil
		case ctx.Err() != nil:
			return asRead(transportProblem(ctx.Err(), r.path, true))
		case errors.As(ended, &p) && !p.Retryable && p.Code != CodeMachineHalted:
			return p
		}
		if r.asked {
			pause = r.client.config.BackoffMin
			continue
		}
		if r.at != from {
			pause = r.client.config.BackoffMin
		}
		if !r.client.wait(ctx, pause, 0) {
			return asRead(transportProblem(ctx.Err(), r.path, true))
		}
		pause = min(2*pause, r.client.config.BackoffMax)
	}
}

// stream reads one stream, or a piece. ended says why it did, nil: it came to its end.
func (r *streamReading) stream(outer context.Context) (ended, err error) {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	silence := time.AfterFunc(streamSilenceMax, func() { cancel(errors.New("client: the node has fallen silent")) })
	defer silence.Stop()
	query := "follow=" + strconv.FormatBool(!r.once)
	if r.query != "" {
		query = r.query + "&" + query
	}
	k := &call{
		method: http.MethodGet, path: r.path, query: query,
		repeatable: true, whole: true, patient: r.began, anywhere: true,
		// Why its error is kept aside: the next stream begins elsewhere.
		consume: func(body io.Reader) error {
			r.began = true
			ended = r.read(&lively{body, silence})
			if cause := context.Cause(ctx); ended != nil && cause != nil && !errors.Is(ended, errReaderLeft) {
				ended = cause
			}
			return nil
		},
	}
	if r.at != "" {
		k.header = http.Header{HeaderLastEventID: {r.at}}
	}
	if r.asked, r.more = false, false; r.request != nil {
		k.request = r.request()
	}
	a, err := r.client.do(ctx, k)
	switch {
	case err == nil && a.said.At != nil:
		r.began, r.asked, r.more = true, true, a.said.More
		r.at, ended = r.answered(&a.said)
	case err != nil && r.began && ctx.Err() != nil && outer.Err() == nil: // silence
		return context.Cause(ctx), nil
	}
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
		l.silence.Reset(streamSilenceMax)
	}
	return n, err
}

// read hands on one stream until it ends: with a *Problem that the node told, errReaderLeft,
// or nil.
func (r *streamReading) read(body io.Reader) error {
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
		if err := r.take(e); err != nil {
			return err
		}
		r.at = e.id
	}
}

// streamJSON reads a stream whose events are values in JSON, each of which isn't handed on
// twice. place is where a value stands, as the stream's id has it.
func streamJSON[T any](ctx context.Context, r *streamReading, place func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		r.take = func(e serverSentEvent) error {
			if !e.dispatched {
				return nil
			}
			var value T
			if err := json.Unmarshal(e.data, &value); err != nil || place(value) != e.id {
				return NewProblem(CodeBadAnswer, "a stream has what this call does not expect: %.80q", e.data)
			}
			if !yield(value, nil) {
				return errReaderLeft
			}
			return nil
		}
		if err := r.run(ctx); err != nil {
			var none T
			yield(none, err)
		}
	}
}
