package api

import (
	"crypto/x509"
	"net"
	"net/http"
	"sync"

	"github.com/wraft/wraft/client"
)

const (
	// inflightMax bounds the commands, those of batches too, queries and sessions that
	// are under way, over whichever protocol, and inflightBytesMax their bodies.
	inflightMax      = 8192
	inflightBytesMax = 256 << 20
	// inflightShare is the part of either that one client may use while more than half is
	// in use.
	inflightShare = 4
)

// load is how much is under way.
type load struct {
	requests int
	bytes    int64
}

// inflight counts what is under way, so that a node that gets more than it can answer says
// so before it has read more than the beginning of it.
type inflight struct {
	most load

	mu  sync.Mutex // guards what follows
	all load
	by  map[string]load // by client; what is nothing is not there
}

func newInflight(most load) *inflight { return &inflight{most: most, by: map[string]load{}} }

// enter takes room for more of a client's, all of it or none, until leave is called, or
// refuses it with CodeBackpressure.
func (f *inflight) enter(who string, more load) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	own := f.by[who].plus(more)
	switch all := f.all.plus(more); {
	case all.above(f.most):
		return nil, client.NewProblem(client.CodeBackpressure, "%d requests with %d bytes are under way at this node", f.all.requests, f.all.bytes)
	case all.above(f.most.part(2)) && own.above(f.most.part(inflightShare)):
		return nil, client.NewProblem(client.CodeBackpressure, "%d requests with %d bytes of yours are under way at this node, which is more than your share",
			own.requests-more.requests, own.bytes-more.bytes)
	default:
		f.all = all
	}
	f.by[who] = own
	return func() { f.leave(who, more) }, nil
}

func (f *inflight) leave(who string, gone load) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = f.all.minus(gone)
	if f.by[who] = f.by[who].minus(gone); f.by[who] == (load{}) {
		delete(f.by, who)
	}
}

// atOnce is how many commands of a batch may be under way together. Why a client's share at
// most: a batch is to fit when nothing else is there.
func (f *inflight) atOnce(commands int) int {
	return max(1, min(commands, batchAtOnce, f.most.part(inflightShare).requests))
}

// enterBatch takes the places that a batch needs beyond the one that its request has.
func (f *inflight) enterBatch(who string, commands int) (atOnce int, leave func(), err error) {
	atOnce = f.atOnce(commands)
	if atOnce == 1 { // Why: who asks for nothing is not refused, however full it is
		return atOnce, func() {}, nil
	}
	leave, err = f.enter(who, load{requests: atOnce - 1})
	return atOnce, leave, err
}

// requests is how many are under way.
func (f *inflight) requests() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return float64(f.all.requests)
}

func (l load) plus(o load) load      { return load{l.requests + o.requests, l.bytes + o.bytes} }
func (l load) minus(o load) load     { return load{l.requests - o.requests, l.bytes - o.bytes} }
func (l load) above(most load) bool  { return l.requests > most.requests || l.bytes > most.bytes }
func (l load) part(share int64) load { return load{l.requests / int(share), l.bytes / share} }

// bounded is a route's handler with a place among what may be under way.
func (s *Server) bounded(do handlerFunc) handlerFunc {
	return s.boundedTo(s.config.CommandBytesMax, do)
}

// boundedTo is bounded for bodies of at most so many bytes.
func (s *Server) boundedTo(most int64, do handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		bytes := r.ContentLength
		if bytes < 0 || bytes > most {
			bytes = most // Why not more: longer bodies are refused unread
		}
		leave, err := s.inflight.enter(sender(r), load{1, bytes})
		if err != nil {
			return err
		}
		defer leave()
		return do(w, r)
	}
}

// Enter is what the native protocol's requests go through too: a place for one of so many
// bytes of a client's, until leave is called, or CodeBackpressure.
func (s *Server) Enter(who string, bytes int64) (leave func(), err error) {
	return s.inflight.enter(who, load{1, bytes})
}

// EnterBatch takes the further places of a batch of the native protocol, and tells how many of
// its commands may be under way.
func (s *Server) EnterBatch(who string, commands int) (atOnce int, leave func(), err error) {
	return s.inflight.enterBatch(who, commands)
}

// sender tells clients apart, whom the server has admitted already.
func sender(r *http.Request) string {
	if token := r.Header.Get("Authorization"); token != "" {
		return senderOfToken(token)
	}
	var shown []*x509.Certificate
	if r.TLS != nil {
		shown = r.TLS.PeerCertificates
	}
	return senderOf(shown, r.RemoteAddr)
}

// senderOfToken is a client that shows a token, by the header that it comes in.
func senderOfToken(header string) string { return "token " + header }

// senderOf is a client without a token: by the name in its certificate, or by address.
func senderOf(shown []*x509.Certificate, address string) string {
	if len(shown) > 0 {
		return "name " + shown[0].Subject.CommonName
	}
	host, _, _ := net.SplitHostPort(address) // Why unchecked: strange ones share a place
	return "address " + host
}
