package api

import (
	"net/http"

	"github.com/wraft/wraft/client"
)

// postTransfer hands leadership over: POST /v1/cluster/leader/transfer.
func (s *Server) postTransfer(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	var t client.Transfer
	if err := readJSON(w, r, "a transfer", &t, `{"machine":"NAME","to":2}; both may be left out: the meta group, and to whichever node is fittest.`); err != nil {
		return err
	}
	if t.Machine != "" {
		if err := client.CheckMachineName(t.Machine); err != nil {
			return err
		}
	}
	done, err := s.backend.TransferLeader(ctx, t)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, done)
	return nil
}

// patchLeaderPolicy says where leaders are to be: PATCH /v1/cluster/leader/policy.
func (s *Server) patchLeaderPolicy(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	var change client.LeaderChange
	if err := readJSON(w, r, "where leaders are to be", &change, `{"regions":["eu-west","us-east"],"follow_commands":false}; what is left out stays as it is.`); err != nil {
		return err
	}
	if err := change.Check(); err != nil {
		return err
	}
	now, err := s.backend.ChangeLeaders(ctx, change)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, now)
	return nil
}
