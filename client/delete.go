package client

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// DeletedMachine is what is left of a deleted machine.
type DeletedMachine struct {
	Name string `json:"name"`
	// Group is never given to another machine.
	Group GroupID `json:"group"`
	// Module is what it ran last.
	Module Digest `json:"module,omitempty"`
	// DeployIndex and DeleteIndex are the indexes of the meta group's entries that
	// deployed and deleted it.
	DeployIndex uint64 `json:"deploy_index,omitempty"`
	DeleteIndex uint64 `json:"delete_index,omitempty"`
	// By is the name in the certificate of who asked, "" when it showed none.
	By string `json:"by,omitempty"`
	// At is when it was asked for, by the clock of the node that was asked.
	At time.Time `json:"at,omitzero"`
	// Changed is part of the answer to Delete: the request deleted it, and not one
	// before.
	Changed bool `json:"changed,omitempty"`
}

// Delete deletes a machine and its state on all nodes, for good. group says which
// machine of that name is meant, so that a repeated request never deletes one that was
// deployed since; 0 means whichever has the name. Deleting what is deleted is no error.
// It fails with CodeDeletePending when the time is up after the deletion is recorded.
func (c *Client) Delete(ctx context.Context, machine string, group GroupID) (DeletedMachine, error) {
	var gone DeletedMachine
	if err := CheckMachineName(machine); err != nil {
		return gone, err
	}
	ctx, cancel := c.bound(ctx, deployTimeoutDefault)
	defer cancel()
	k := &call{method: http.MethodDelete, path: machinePath(machine), repeatable: group != 0, whole: true}
	if group != 0 {
		k.query = "group=" + strconv.FormatUint(uint64(group), 10)
	}
	a, err := c.do(ctx, k)
	if err != nil {
		return gone, err
	}
	return gone, decode(a, &gone)
}

// DeletedMachines lists deleted machines, the newest first, as far back as the cluster
// keeps them.
func (c *Client) DeletedMachines(ctx context.Context) ([]DeletedMachine, error) {
	var list struct {
		Deleted []DeletedMachine `json:"deleted"`
	}
	err := c.get(ctx, &call{path: "/v1/machines", query: "deleted=true"}, &list)
	return list.Deleted, err
}
