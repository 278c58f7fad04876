package api

import (
	"net/http"
)

// postSnapshot takes a snapshot: POST /v1/machines/{machine}/snapshots.
func (s *Server) postSnapshot(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, machine, err := machineRequest(r, timeoutMax)
	if err != nil {
		return err
	}
	defer cancel()
	var spec struct{}
	if r.ContentLength != 0 {
		if err := readJSON(w, r, "a snapshot", &spec, "{} or nothing."); err != nil {
			return err
		}
	}
	info, err := s.backend.TakeSnapshot(ctx, machine)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, info)
	return nil
}
