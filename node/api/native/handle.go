package native

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/node/api"
)

// exportTimeoutDefault bounds the description of a machine with its exported state.
const exportTimeoutDefault = time.Minute

// answer carries out a request, or refuses it. The answer's ID is the caller's to fill in.
func (s *Server) answer(ctx context.Context, who string, r *wire.Request, refusal error) *wire.Answer {
	return s.observed(ctx, r, func() (*wire.Answer, error) {
		if refusal != nil {
			return nil, refusal
		}
		return s.traced(ctx, who, r)
	})
}

// observed is what do answers, or its problem, and counts it.
func (s *Server) observed(ctx context.Context, r *wire.Request, do func() (*wire.Answer, error)) *wire.Answer {
	began := time.Now()
	s.metrics.inflight.Inc()
	defer s.metrics.inflight.Dec()
	code := codeOK
	a, err := do()
	if err != nil {
		a, code = s.problem(ctx, r, err)
	}
	s.metrics.observe(r.Kind, code, time.Since(began))
	return a
}

// carryOut does what a client asks for, who is told apart from others by a name.
func (s *Server) carryOut(ctx context.Context, who string, r *wire.Request) (*wire.Answer, error) {
	if err := client.CheckMachineName(r.Machine); err != nil {
		return nil, err
	}
	switch r.Kind {
	case wire.KindMachine:
		return s.machine(ctx, r)
	case wire.KindEvents:
		return s.events(ctx, r)
	}
	leave, err := s.config.Bounds.Enter(who, dataBytes(r))
	if err != nil {
		return nil, err
	}
	defer leave()
	switch r.Kind {
	case wire.KindCommand:
		return s.command(ctx, r)
	case wire.KindQuery:
		return s.query(ctx, r)
	case wire.KindBatch:
		return s.batch(ctx, who, r)
	case wire.KindSession:
		id, err := s.backend.OpenSession(ctx, r.Machine)
		return &wire.Answer{Session: uint64(id)}, ofContext(ctx, err)
	}
	return nil, client.NewProblem(client.CodeBadRequest, "a request of kind %d", r.Kind)
}

// timeoutOf is the request's time: what it says, or what is usual for its kind.
func timeoutOf(r *wire.Request) (time.Duration, error) {
	usual := api.CommandTimeoutDefault + millis(r.WaitMillis)
	switch {
	case millis(r.TimeoutMillis) > client.TimeoutMax:
		return usual, client.NewProblem(client.CodeBadRequest, "%s: %d ms is more than %v", client.HeaderTimeout, r.TimeoutMillis, client.TimeoutMax)
	case r.TimeoutMillis != 0:
		return millis(r.TimeoutMillis), nil
	case r.Kind == wire.KindMachine && r.Export:
		return exportTimeoutDefault, nil
	}
	return usual, nil
}

// millisMax is more milliseconds than any limit allows, and fits into a duration.
const millisMax = 1 << 40

func millis(n uint64) time.Duration { return time.Duration(min(n, millisMax)) * time.Millisecond }

func (s *Server) command(ctx context.Context, r *wire.Request) (*wire.Answer, error) {
	command := client.Command{
		Data: r.Data, Session: client.SessionID(r.Session), Sequence: r.Sequence, AcknowledgedBelow: r.AcknowledgedBelow, Forward: !r.Direct,
		Key: r.Key,
	}
	if r.Key != "" {
		if err := client.CheckKey(r.Key); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(api.CheckSession(command), api.CheckSize("command", int64(len(r.Data)), s.config.CommandBytesMax)); err != nil {
		return nil, err
	}
	result, err := s.backend.Command(ctx, r.Machine, command)
	if err != nil {
		return nil, ofContext(ctx, err)
	}
	return &wire.Answer{Data: result.Data, Index: result.Index, Term: result.Term, Replayed: result.Replayed, Leader: result.Leader}, nil
}

// consistencies are those of the wire in the client's words; others are refused as no
// consistency at all.
var consistencies = map[wire.Consistency]client.Consistency{
	wire.Linearizable: client.Linearizable, wire.Stale: client.Stale, wire.Lease: client.Lease,
}

func (s *Server) query(ctx context.Context, r *wire.Request) (*wire.Answer, error) {
	q := client.Query{
		Data: r.Data, Consistency: consistencies[r.Consistency], MinIndex: r.MinIndex, Wait: millis(r.WaitMillis), Forward: !r.Direct,
		MaxStaleness: millis(r.MaxStalenessMillis),
	}
	if err := errors.Join(api.CheckQuery(q), api.CheckSize("query", int64(len(r.Data)), s.config.CommandBytesMax)); err != nil {
		return nil, err
	}
	result, err := s.backend.Query(ctx, r.Machine, q)
	if err != nil {
		return nil, api.ReadProblem(ctx, err)
	}
	a := &wire.Answer{Data: result.Data, Applied: result.AppliedIndex, Leader: result.Leader, StalenessMillis: -1}
	if result.Staleness >= 0 { // rounded up: never understated
		a.StalenessMillis = int64((result.Staleness + time.Millisecond - 1) / time.Millisecond)
	}
	return a, nil
}

func (s *Server) machine(ctx context.Context, r *wire.Request) (*wire.Answer, error) {
	info, err := s.backend.Machine(ctx, r.Machine, r.Export)
	if err != nil {
		return nil, api.ReadProblem(ctx, err)
	}
	data, err := json.Marshal(info)
	return &wire.Answer{Data: data}, err
}

// ofContext words an error while the context that explains it is at hand.
func ofContext(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	p := api.ProblemOf(ctx, err)
	return &p
}

// problem is the answer to a failed request, and the problem's code. It logs only what
// is our fault.
func (s *Server) problem(ctx context.Context, r *wire.Request, err error) (*wire.Answer, string) {
	p := api.ProblemOf(ctx, err)
	return &wire.Answer{Problem: s.inJSON(r, &p, err), RetryAfterMillis: uint64(api.RetryAfter(p).Milliseconds())}, string(p.Code)
}

// inJSON is a problem as the HTTP API writes it.
func (s *Server) inJSON(r *wire.Request, p *client.Problem, err error) []byte {
	if p.Code == client.CodeInternal {
		s.config.Log.Error("request failed", "kind", r.Kind.String(), "machine", r.Machine, "error", err)
	}
	if p.Status == 0 {
		p.Status = http.StatusInternalServerError
	}
	data, err := json.Marshal(p)
	if err != nil { // Why: texts and numbers always are JSON
		panic(err)
	}
	return data
}
