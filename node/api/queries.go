package api

import (
	"net/http"
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
	ctx, cancel, err := deadline(r, commandTimeoutDefault+wait)
	if err != nil {
		return err
	}
	defer cancel()
	if query.Data, err = body(w, r, "query", s.config.CommandBytesMax); err != nil {
		return err
	}
	result, err := s.backend.Query(ctx, machine, query)
	if err != nil {
		return readProblem(err, r)
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
	p, err := readParams(r, "consistency", "min-index", "wait", "forward")
	if err != nil {
		return q, 0, err
	}
	if q.Consistency, err = consistency(p); err != nil {
		return q, 0, err
	}
	if q.MinIndex, err = p.uint("min-index"); err != nil {
		return q, 0, err
	}
	if q.Wait, err = p.duration("wait"); err != nil {
		return q, 0, err
	}
	if q.Forward, err = p.flag("forward", true); err != nil {
		return q, 0, err
	}
	if q.Wait > 0 && q.MinIndex == 0 {
		return q, 0, client.NewProblem(client.CodeBadRequest, "wait= says how long to wait for min-index=, which is missing")
	}
	return q, q.Wait, nil
}

func consistency(p params) (client.Consistency, error) {
	if !p.has("consistency") {
		return client.Linearizable, nil
	}
	switch c := client.Consistency(p.values.Get("consistency")); c {
	case client.Linearizable, client.Stale:
		return c, nil
	case client.Lease:
		return "", client.NewProblem(client.CodeLeaseNotAllowed, "this cluster does not allow reads that rely on clocks")
	default:
		return "", client.NewProblem(client.CodeBadRequest, "consistency=%.40q: use linearizable or stale", c)
	}
}

// roundUpMillis never understates how old an answer is.
func roundUpMillis(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
