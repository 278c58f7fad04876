package server

import (
	"context"
	"errors"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/storage"
)

// TakeSnapshot implements api.Snapshots.
func (b backend) TakeSnapshot(ctx context.Context, name string) (client.SnapshotInfo, error) {
	t, err := b.node.TriggerSnapshot(ctx, name)
	if err != nil {
		return client.SnapshotInfo{}, b.snapshotProblem(name, err)
	}
	info := client.SnapshotInfo{
		Machine: name, Group: client.GroupID(t.File.Group), Node: client.NodeID(b.node.Self()),
		Index: uint64(t.File.Index), Term: uint64(t.Header.Meta.Term), Bytes: t.File.Size, Digest: t.File.Digest.String(), Took: t.Took,
	}
	if t.Header.Base != (storage.Digest{}) {
		info.Base = t.Header.Base.String()
	}
	return info, nil
}

// snapshotProblem words what can keep a snapshot from being taken.
func (b backend) snapshotProblem(name string, err error) error {
	var current *node.SnapshotCurrentError
	switch {
	case errors.As(err, &current):
		return client.NewProblem(client.CodeSnapshotCurrent, "%v", err).WithCause(err)
	case errors.Is(err, node.ErrSnapshotting):
		return client.NewProblem(client.CodeSnapshotUnderWay, "%v", err).WithCause(err)
	case errors.Is(err, node.ErrTimeout):
		return client.NewProblem(client.CodeSnapshotUnderWay, "the snapshot of %q was not durable when the time was up, and goes on", name).WithCause(err)
	}
	return b.problem(err)
}
