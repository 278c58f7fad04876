package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/wraft/wraft/client"
)

// getLogs hands out what a machine logged on this node: GET /v1/machines/{machine}/logs.
func (s *Server) getLogs(w http.ResponseWriter, r *http.Request) error {
	machine, err := machineName(r)
	if err != nil {
		return err
	}
	p, err := readParams(r, "since", "follow")
	if err != nil {
		return err
	}
	follow, err := p.flag("follow", true)
	if err != nil {
		return err
	}
	after, err := p.since()
	if err != nil {
		return err
	}
	if last := r.Header.Get(client.HeaderLastEventID); last != "" {
		place, err := strconv.ParseUint(last, 10, 64)
		if err != nil {
			return client.NewProblem(client.CodeBadRequest, "%s: %.60q is no place of a log line", client.HeaderLastEventID, last)
		}
		after = &place
	}
	return s.streamFeed(w, r, read, follow, func() (Feed, error) { return s.backend.MachineLog(r.Context(), machine, after) })
}

// since is the place just before a time, nil when none is given.
func (p params) since() (*uint64, error) {
	if !p.has("since") {
		return nil, nil
	}
	text := p.values.Get("since")
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.UnixMicro() < 1 {
		return nil, client.NewProblem(client.CodeBadRequest, "since=%.40q: use a time such as 2026-01-31T12:00:00Z", text)
	}
	place := uint64(t.UnixMicro()) - 1
	return &place, nil
}
