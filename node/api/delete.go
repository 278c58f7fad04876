package api

import (
	"net/http"

	"github.com/wraft/wraft/client"
)

// deletedList is the body of GET /v1/machines?deleted=true.
type deletedList struct {
	Deleted []client.DeletedMachine `json:"deleted"`
}

// deleteMachine deletes for good: DELETE /v1/machines/{machine}?group=N.
func (s *Server) deleteMachine(w http.ResponseWriter, r *http.Request) error {
	machine, err := machineName(r)
	if err != nil {
		return err
	}
	query, err := readParams(r, "group")
	if err != nil {
		return err
	}
	group, err := query.uint("group")
	if err != nil {
		return err
	}
	ctx, cancel, err := deadline(r, deployTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	gone, err := s.backend.Delete(ctx, machine, client.GroupID(group), s.callerName(r))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, gone)
	return nil
}

// getDeleted lists deleted machines.
func (s *Server) getDeleted(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := deadline(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	deleted, err := s.backend.Deleted(ctx)
	if err != nil {
		return ReadProblem(r.Context(), err)
	}
	if deleted == nil {
		deleted = []client.DeletedMachine{} // so that JSON says [] and not null
	}
	writeJSON(w, http.StatusOK, deletedList{deleted})
	return nil
}
