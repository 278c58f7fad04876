package server

import (
	"context"
	"errors"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// Delete implements api.Deletions.
func (b backend) Delete(ctx context.Context, name string, group client.GroupID, by string) (client.DeletedMachine, error) {
	t, changed, err := b.node.Delete(ctx, node.DeleteRequest{Machine: name, Group: raft.GroupID(group), By: by, At: time.Now().UnixNano()})
	if err != nil {
		return client.DeletedMachine{}, b.problem(err)
	}
	gone := deletedMachine(t)
	gone.Changed = changed
	return gone, nil
}

// Deleted implements api.Deletions.
func (b backend) Deleted(ctx context.Context) ([]client.DeletedMachine, error) {
	if err := b.node.Barrier(ctx); err != nil {
		return nil, b.problem(err)
	}
	var out []client.DeletedMachine
	tombstones := b.node.Catalogue().Tombstones
	for i := len(tombstones) - 1; i >= 0; i-- {
		out = append(out, deletedMachine(tombstones[i]))
	}
	return out, nil
}

func deletedMachine(t node.Tombstone) client.DeletedMachine {
	gone := client.DeletedMachine{
		Name: t.Name, Group: client.GroupID(t.Group), DeployIndex: uint64(t.Created), DeleteIndex: uint64(t.Index), By: t.By,
	}
	if t.Index != 0 { // Why: the catalogue may have forgotten all but the group
		gone.Module, gone.At = client.DigestFromSum(t.Module), time.Unix(0, t.At).UTC()
	}
	return gone
}

// deleteProblem words what has to do with deletions; nil for any other error.
func deleteProblem(err error) *client.Problem {
	var gone *node.DeletedError
	var pending *node.DeletePendingError
	switch {
	case errors.As(err, &pending):
		return client.NewProblem(client.CodeDeletePending, "%v", pending).WithCause(err)
	case errors.As(err, &gone):
		t := gone.Tombstone
		return client.NewProblem(client.CodeMachineDeleted, "machine %q (group %d) was deleted at %s, index %d of the meta group",
			t.Name, t.Group, time.Unix(0, t.At).UTC().Format(time.RFC3339), t.Index).WithCause(err)
	case errors.Is(err, node.ErrDeleted):
		return client.NewProblem(client.CodeMachineDeleted, "%v", err).WithCause(err)
	}
	return nil
}
