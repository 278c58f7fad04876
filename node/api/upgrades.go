package api

import (
	"net/http"

	"github.com/wraft/wraft/client"
)

// postActivate upgrades: POST /v1/machines/{machine}/activate.
func (s *Server) postActivate(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, machine, err := machineRequest(r, deployTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	var spec client.ActivateSpec
	if err := readJSON(w, r, "an upgrade", &spec, `{"module":"sha256:...","limits":{"memory_bytes":N,"fuel_command":N}}; limits may be left out.`); err != nil {
		return err
	}
	if _, err := client.ParseDigest(string(spec.Module)); err != nil {
		return client.NewProblem(client.CodeBadRequest, "module: %v", err)
	}
	spec.By = s.callerName(r)
	info, changed, err := s.backend.Activate(ctx, machine, spec)
	if err != nil {
		return err
	}
	info.Changed = changed
	writeJSON(w, http.StatusOK, info)
	return nil
}

// postRollback goes back to the module before: POST /v1/machines/{machine}/rollback.
func (s *Server) postRollback(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, machine, err := machineRequest(r, deployTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	// Why a body at all: the same as of every other request that changes something.
	var spec struct{}
	if r.ContentLength != 0 {
		if err := readJSON(w, r, "a rollback", &spec, "{} or nothing."); err != nil {
			return err
		}
	}
	info, err := s.backend.Rollback(ctx, machine, s.callerName(r))
	if err != nil {
		return err
	}
	info.Changed = true
	writeJSON(w, http.StatusOK, info)
	return nil
}

// upgradeList is the body of a machine's history.
type upgradeList struct {
	Upgrades []client.UpgradeInfo `json:"upgrades"`
}

// getHistory lists upgrades: GET /v1/machines/{machine}/history.
func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, machine, err := machineRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	upgrades, err := s.backend.History(ctx, machine)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	if upgrades == nil {
		upgrades = []client.UpgradeInfo{} // so that JSON says [] and not null
	}
	writeJSON(w, http.StatusOK, upgradeList{upgrades})
	return nil
}
