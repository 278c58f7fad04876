package api

import (
	"net/http"
	"time"

	"github.com/wraft/wraft/client"
)

// streamKeepAlive is how often a stream shows a sign of life, and looks whether its reader
// may still read. It is less than statePatience, which HTTP/2 counts without a break.
const streamKeepAlive = 5 * time.Second

// streamRequest is what is asked of any stream.
type streamRequest struct {
	follow bool // wait for more
	base64 bool // all events
}

// atOnce is closed: it is time to ask again.
var atOnce = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// nextFunc adds what comes next to a stream without waiting; when there is nothing, more is
// closed when it is time to ask again.
type nextFunc func() (more <-chan struct{}, err error)

// stream answers with a stream until something ends it. begin says at which place it begins,
// and how it goes on; the reader needs the right all the time.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, need right, ask streamRequest, begin func(*eventStream) (at string, next nextFunc, err error)) error {
	leave, err := s.streams.enter()
	if err != nil {
		return err
	}
	defer leave()
	out := newEventStream(w, ask.base64)
	at, next, err := begin(out)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	out.place(at)
	more, err := next() // Why before any header: what is gone must be a status
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	out.begin()
	if r.Method == http.MethodHead {
		return nil
	}
	s.streams.end(s.follow(r, need, out, next, more, ask.follow))
	return nil
}

// follow writes what comes until something ends the stream, and tells what.
func (s *Server) follow(r *http.Request, need right, out *eventStream, next nextFunc, more <-chan struct{}, wait bool) streamEnd {
	ticks := time.NewTicker(streamKeepAlive)
	defer ticks.Stop()
	for {
		if more != nil && !wait {
			return out.finish(r, nil)
		}
		if out.flush() != nil {
			return endClient
		}
		ready := more
		if ready == nil {
			ready = atOnce
		}
		// Why even when there is more: select takes any that is ready, so no reader is so far behind
		// that it is not looked at, or holds up the node's end.
		select {
		case <-ready:
		case <-ticks.C:
			if err := s.allow(r, need); err != nil {
				return out.finish(r, err)
			}
			out.comment()
			continue
		case <-s.streams.closing:
			return out.finish(r, client.NewProblem(client.CodeShuttingDown, "the node is stopping"))
		case <-r.Context().Done():
			return endClient
		}
		var err error
		if more, err = next(); err != nil {
			return out.finish(r, err)
		}
	}
}

// streamFeed answers with a stream of what a feed hands out.
func (s *Server) streamFeed(w http.ResponseWriter, r *http.Request, need right, follow bool, open func() (Feed, error)) error {
	return s.stream(w, r, need, streamRequest{follow: follow}, func(out *eventStream) (string, nextFunc, error) {
		feed, err := open()
		if err != nil {
			return "", nil, err
		}
		return feed.At(), func() (<-chan struct{}, error) {
			items, more, err := feed.Read()
			out.values(items)
			return more, err
		}, nil
	})
}
