package api

import (
	"net/http"
	"time"

	"github.com/wraft/wraft/client"
)

// eventsKeepAlive is how often a stream shows a sign of life, and looks whether its reader
// may still read. It is less than statePatience, which HTTP/2 counts without a break.
const eventsKeepAlive = 5 * time.Second

// getEvents hands out what a machine emits: GET /v1/machines/{machine}/events?from=INDEX.
func (s *Server) getEvents(w http.ResponseWriter, r *http.Request) error {
	machine, err := machineName(r)
	if err != nil {
		return err
	}
	ask, err := readEventsRequest(r)
	if err != nil {
		return err
	}
	leave, err := s.streams.enter()
	if err != nil {
		return err
	}
	defer leave()
	reader, err := s.backend.Events(r.Context(), machine, ask.after)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	at := reader.At()
	first, more, err := reader.Read() // Why before any header: what is gone must be a status
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	out := newEventStream(w, ask.base64)
	out.begin(at)
	if r.Method == http.MethodHead {
		return nil
	}
	out.events(first)
	s.streams.end(s.follow(r, out, reader, more, ask.follow))
	return nil
}

// follow writes events until something ends the stream, and tells what.
func (s *Server) follow(r *http.Request, out *eventStream, reader EventReader, more <-chan struct{}, wait bool) streamEnd {
	ticks := time.NewTicker(eventsKeepAlive)
	defer ticks.Stop()
	for {
		if more != nil && !wait {
			return out.finish(r, nil)
		}
		if out.flush() != nil {
			return endClient
		}
		if more != nil {
			select {
			case <-more:
			case <-ticks.C:
				if err := s.allow(r, read); err != nil {
					return out.finish(r, err)
				}
				out.comment()
				continue
			case <-s.streams.closing:
				return out.finish(r, client.NewProblem(client.CodeShuttingDown, "the node is stopping"))
			case <-r.Context().Done():
				return endClient
			}
		}
		var events []client.Event
		var err error
		if events, more, err = reader.Read(); err != nil {
			return out.finish(r, err)
		}
		out.events(events)
	}
}

// eventsRequest is what a request for events asks for.
type eventsRequest struct {
	after  *client.EventID // nil: whatever is kept
	follow bool
	base64 bool
}

// readEventsRequest reads it. Why Last-Event-ID goes before from=: a browser that comes
// back repeats the URL with which it began.
func readEventsRequest(r *http.Request) (ask eventsRequest, err error) {
	p, err := readParams(r, "from", "follow", "encoding")
	if err != nil {
		return ask, err
	}
	if ask.follow, err = p.flag("follow", true); err != nil {
		return ask, err
	}
	switch encoding := p.values.Get("encoding"); {
	case encoding == client.EventTypeBase64:
		ask.base64 = true
	case p.has("encoding") && encoding != "text":
		return ask, client.NewProblem(client.CodeBadRequest, "encoding=%.40q: use text or %s", encoding, client.EventTypeBase64)
	}
	from, err := p.uint("from")
	if err != nil {
		return ask, err
	}
	if p.has("from") {
		at := client.EventsFrom(from)
		ask.after = &at
	}
	if last := r.Header.Get(client.HeaderLastEventID); last != "" {
		at, err := client.ParseEventID(last)
		if err != nil {
			return ask, client.NewProblem(client.CodeBadRequest, "%s: %v", client.HeaderLastEventID, err)
		}
		ask.after = &at
	}
	return ask, nil
}
