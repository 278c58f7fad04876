package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/wraft/wraft/client"
)

// writeProblem answers with err as problem+json. It logs only what is our fault. admitted says
// whether the caller may ask what it asked.
func (s *Server) writeProblem(w http.ResponseWriter, r *http.Request, err error, admitted bool) {
	p := ProblemOf(r.Context(), err)
	s.drain(w, r, admitted && p.Status != http.StatusTooManyRequests)
	if p.Code == client.CodeInternal {
		s.config.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	h := w.Header()
	if p.Leader != nil && p.Leader.API != "" {
		h.Set(client.HeaderLeader, p.Leader.API)
		if p.Code == client.CodeNotLeader {
			h.Set("Location", "https://"+p.Leader.API+r.URL.RequestURI())
			p.Status = http.StatusTemporaryRedirect
		}
	}
	if p.Index != 0 {
		h.Set(client.HeaderIndex, strconv.FormatUint(p.Index, 10))
	}
	if p.StalenessMillis > 0 {
		h.Set(client.HeaderStaleness, strconv.FormatInt(p.StalenessMillis, 10))
	}
	if wait := RetryAfter(p); wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if p.Code == client.CodeBadToken {
		h.Set("WWW-Authenticate", "Bearer") // RFC 9110 §11.6.1
	}
	h.Set("Content-Type", client.ProblemMediaType)
	h.Set("Cache-Control", "no-store")
	if p.Status == 0 {
		p.Status = http.StatusInternalServerError
	}
	w.WriteHeader(p.Status)
	// Why the error is dropped: the client is gone, there is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// What of a refused request's body is read and thrown away before its refusal is sent.
const (
	// drainBytes is for callers who may send a body: so much beyond the largest module.
	drainBytes = 64 << 20
	// strangerBytes and strangerTimeout are for all others. Why so little: whoever can reach the
	// port can ask for it, as often as they like.
	strangerBytes   = 256 << 10
	strangerTimeout = 2 * time.Second
)

// drain reads what is left of a refused request's body. Why: closing a connection
// on bytes that nobody read resets it, and the client, still sending, would lose
// the answer that says why. A client that asked first (Expect) sends nothing. Of a stranger
// little is read; net/http leaves it half a second for the answer then, and closes.
func (s *Server) drain(w http.ResponseWriter, r *http.Request, known bool) {
	if r.Body == nil || r.Header.Get("Expect") != "" {
		return
	}
	most := s.config.ModuleBytesMax + drainBytes
	if !known {
		most = strangerBytes
		// Why the error is dropped: where there are no deadlines there is no connection either.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(strangerTimeout))
	}
	// What fails here fails again when the answer is written.
	_, _ = io.CopyN(io.Discard, r.Body, most)
}

// ProblemOf is err as a problem that the caller may change. ctx is the request's: when
// it has ended, an error of no other meaning leaves the outcome in doubt.
func ProblemOf(ctx context.Context, err error) client.Problem {
	var p *client.Problem
	if errors.As(err, &p) {
		return *p
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return *client.NewProblem(client.CodeTimeoutUnknown, "%v", err)
	}
	return *client.NewProblem(client.CodeInternal, "%v", err)
}

// ReadProblem is the error of a request that changes nothing: an ended context
// then leaves no doubt about the outcome.
func ReadProblem(ctx context.Context, err error) error {
	p := ProblemOf(ctx, err)
	if p.Code == client.CodeTimeoutUnknown {
		p = *client.NewProblem(client.CodeTimeout, "%s", p.Detail)
	}
	return p.OfRead()
}

// RetryAfter is how long a client has to wait after a problem, 0 when nothing is said.
// "Too many requests" always says it, and it is never below a second.
func RetryAfter(p client.Problem) time.Duration {
	if p.RetryAfter <= 0 && p.Status != http.StatusTooManyRequests {
		return 0
	}
	return max(p.RetryAfter, time.Second)
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, status int, value any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
