package api

import (
	"net"
	"net/http"
	"strconv"

	"github.com/wraft/wraft/client"
)

// postMember adds a node: POST /v1/cluster/members.
func (s *Server) postMember(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel, err := plainRequest(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	var spec client.NodeSpec
	if err := readJSON(w, r, "a node", &spec, `{"id":4,"peer":"HOST:PORT","api":"HOST:PORT","region":"..."}; region may be left out.`); err != nil {
		return err
	}
	if err := checkNodeSpec(spec); err != nil {
		return err
	}
	info, created, err := s.backend.AddNode(ctx, spec)
	if err != nil {
		return err
	}
	writeJSON(w, createdStatus(created), info)
	return nil
}

func checkNodeSpec(spec client.NodeSpec) error {
	if spec.ID == 0 {
		return client.NewProblem(client.CodeBadRequest, "id: missing: IDs are 1 or more")
	}
	return checkAddresses(spec.Peer, spec.API)
}

// checkAddresses refuses what no other node could dial.
func checkAddresses(peer, api string) error {
	for key, address := range map[string]string{"peer": peer, "api": api} {
		host, port, err := net.SplitHostPort(address)
		if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || n == 0 || host == "" {
			return client.NewProblem(client.CodeBadRequest, "%s: %.80q is not the host:port that other nodes dial", key, address)
		}
	}
	return nil
}

// patchMember promotes or demotes a node: PATCH /v1/cluster/members/{node}.
func (s *Server) patchMember(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r); err != nil {
		return err
	}
	var change client.NodeChange
	form := `{"state":"voter|learner|leaving","accept_quorum_loss":false,"dry_run":false}; all but state may be left out.`
	if err := readJSON(w, r, "a node's change", &change, form); err != nil {
		return err
	}
	switch change.State {
	case client.NodeVoter, client.NodeLearner, client.NodeLeaving:
	default:
		return client.NewProblem(client.CodeBadRequest, "state: %.40q: use voter, learner or leaving", change.State)
	}
	return s.changeMember(w, r, change)
}

// deleteMember has a node leave: DELETE /v1/cluster/members/{node}.
func (s *Server) deleteMember(w http.ResponseWriter, r *http.Request) error {
	query, err := readParams(r, "accept-quorum-loss", "dry-run")
	if err != nil {
		return err
	}
	change := client.NodeChange{State: client.NodeLeaving}
	if change.AcceptQuorumLoss, err = query.flag("accept-quorum-loss", false); err != nil {
		return err
	}
	if change.DryRun, err = query.flag("dry-run", false); err != nil {
		return err
	}
	return s.changeMember(w, r, change)
}

// nodeOf is the node that a path names.
func nodeOf(r *http.Request) (client.NodeID, error) {
	id, err := strconv.ParseUint(r.PathValue("node"), 10, 64)
	if err != nil || id == 0 {
		return 0, client.NewProblem(client.CodeBadRequest, "%.40q is not the ID of a node: use a number of 1 or more", r.PathValue("node"))
	}
	return client.NodeID(id), nil
}

// changeMember answers 202 while groups have to follow, and 200 when there is nothing
// more to come.
func (s *Server) changeMember(w http.ResponseWriter, r *http.Request, change client.NodeChange) error {
	id, err := nodeOf(r)
	if err != nil {
		return err
	}
	ctx, cancel, err := deadline(r, CommandTimeoutDefault)
	if err != nil {
		return err
	}
	defer cancel()
	changed, err := s.backend.ChangeNode(ctx, id, change)
	if err != nil {
		return err
	}
	status := http.StatusAccepted
	if change.DryRun || changed.Node.Settled() {
		status = http.StatusOK
	}
	writeJSON(w, status, changed)
	return nil
}
