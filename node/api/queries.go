package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/wraft/wraft/client"
)

// postQuery reads a machine: POST /v1/machines/{machine}/queries.
func (s *Server) postQuery(w http.ResponseWriter, r *http.Request) error {
	machine, err := machineName(r)
	if err != nil {
		return err
	}
	query, wait, err := readQuery(r)
	if err != nil {
		return err
	}
	ctx, cancel, err := deadline(r, CommandTimeoutDefault+wait)
	if err != nil {
		return err
	}
	defer cancel()
	if query.Data, err = body(w, r, "query", s.config.CommandBytesMax); err != nil {
		return err
	}
	result, err := s.backend.Query(ctx, machine, query)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	h := w.Header()
	h.Set(client.HeaderAppliedIndex, strconv.FormatUint(result.AppliedIndex, 10))
	if result.Staleness >= 0 {
		h.Set(client.HeaderStaleness, strconv.FormatInt(roundUpMillis(result.Staleness), 10))
	}
	if result.Leader != "" {
		h.Set(client.HeaderLeader, result.Leader)
	}
	writeBytes(w, result.Data)
	return nil
}

// readQuery reads the parameters of a query, and how long it may wait.
func readQuery(r *http.Request) (q client.Query, wait time.Duration, err error) {
	p, err := readParams(r, "consistency", "max-staleness", "min-index", "wait", "forward")
	if err != nil {
		return q, 0, err
	}
	q.Consistency = consistency(p)
	if q.MinIndex, err = p.uint("min-index"); err != nil {
		return q, 0, err
	}
	if q.Wait, err = p.duration("wait"); err != nil {
		return q, 0, err
	}
	if q.MaxStaleness, err = p.duration("max-staleness"); err != nil {
		return q, 0, err
	}
	if p.has("max-staleness") && q.MaxStaleness == 0 {
		return q, 0, client.NewProblem(client.CodeBadRequest, "max-staleness is 0: use consistency=linearizable for an answer of no age")
	}
	if q.Forward, err = p.flag("forward", true); err != nil {
		return q, 0, err
	}
	return q, q.Wait, CheckQuery(q)
}

func consistency(p params) client.Consistency {
	if !p.has("consistency") {
		return client.Linearizable
	}
	return client.Consistency(p.values.Get("consistency"))
}

// CheckQuery refuses a query that asks for what no node gives, or contradicts itself.
func CheckQuery(q client.Query) error {
	switch {
	case !slices.Contains([]client.Consistency{client.Linearizable, client.Lease, client.Stale}, q.Consistency):
		return client.NewProblem(client.CodeBadRequest, "consistency=%.40q: use linearizable, lease or stale", q.Consistency)
	case q.MaxStaleness != 0 && q.Consistency != client.Stale:
		return client.NewProblem(client.CodeBadRequest, "max-staleness= is of consistency=stale: every other answer is of no age")
	case q.MaxStaleness < 0 || q.MaxStaleness > timeoutMax:
		return client.NewProblem(client.CodeBadRequest, "max-staleness=%.40q: use a duration up to %v, such as 2s", q.MaxStaleness.String(), timeoutMax)
	case q.Wait < 0 || q.Wait > timeoutMax:
		return client.NewProblem(client.CodeBadRequest, "wait=%.40q: use a duration from 0 to %v, such as 500ms", q.Wait.String(), timeoutMax)
	case q.Wait > 0 && q.MinIndex == 0 && q.MaxStaleness == 0:
		return client.NewProblem(client.CodeBadRequest, "wait= says how long to wait for min-index= or max-staleness=, which are missing")
	}
	return nil
}

// roundUpMillis never understates how old an answer is.
func roundUpMillis(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
