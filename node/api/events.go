package api

import (
	"net/http"

	"github.com/wraft/wraft/client"
)

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
	return s.stream(w, r, read, streamRequest{follow: ask.follow, base64: ask.base64}, func(out *eventStream) (string, nextFunc, error) {
		reader, err := s.backend.Events(r.Context(), machine, ask.after)
		if err != nil {
			return "", nil, err
		}
		return reader.At().String(), func() (<-chan struct{}, error) {
			events, more, err := reader.Read()
			out.events(events)
			return more, err
		}, nil
	})
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
