package native

import (
	"context"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/node/api"
)

// eventsBytesMax is when an answer has enough events.
const eventsBytesMax = 1 << 20

// events answers with the events behind a place, and waits for the first one.
//
// Why asked for piece by piece, where HTTP streams: a stream that nobody reads would hold up
// the answers beside it, or need a connection of its own. So a slow reader asks seldom, nothing is
// kept for it here, and any node can answer its next request.
func (s *Server) events(ctx context.Context, r *wire.Request) (*wire.Answer, error) {
	leave, err := s.config.Bounds.EnterEvents()
	if err != nil {
		return nil, err
	}
	defer leave()
	var after *client.EventID
	if r.After != nil {
		after = &client.EventID{Index: r.After.Index, Number: r.After.Number}
	}
	reader, err := s.backend.Events(ctx, r.Machine, after)
	if err != nil {
		return nil, api.ReadProblem(ctx, err)
	}
	late := time.NewTimer(min(millis(r.WaitMillis), s.config.EventsWait))
	defer late.Stop()
	return s.gather(ctx, reader, late.C)
}

// gather reads until there are events and no more of them, or enough, or it is late.
func (s *Server) gather(ctx context.Context, reader api.EventReader, late <-chan time.Time) (*wire.Answer, error) {
	at := reader.At()
	a := new(wire.Answer)
	for bytes := 0; ; {
		events, more, err := reader.Read()
		switch {
		case err != nil && len(a.Events) == 0:
			return nil, api.ReadProblem(ctx, err)
		case err != nil: // it comes again, behind these
			return upTo(a, at, true), nil
		case more != nil && len(a.Events) > 0:
			return upTo(a, at, false), nil
		}
		for _, e := range events {
			if len(a.Events) == wire.ListMax || bytes >= eventsBytesMax {
				return upTo(a, at, true), nil
			}
			a.Events = append(a.Events, wire.Event{Index: e.Index, Number: e.Number, Data: e.Data})
			at, bytes = e.EventID, bytes+len(e.Data)
		}
		if more == nil {
			continue
		}
		select {
		case <-more:
		case <-late:
			return upTo(a, at, false), nil
		case <-s.closing:
			return nil, leavingProblem().OfRead()
		case <-ctx.Done():
			return nil, api.ReadProblem(ctx, ctx.Err())
		}
	}
}

// upTo completes an answer with events up to a place.
func upTo(a *wire.Answer, at client.EventID, more bool) *wire.Answer {
	a.At, a.More = &wire.Place{Index: at.Index, Number: at.Number}, more
	return a
}
