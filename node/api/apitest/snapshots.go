package apitest

import (
	"context"

	"github.com/wraft/wraft/client"
)

// TakeSnapshot takes a snapshot of a machine's state at once; a second one needs a
// command in between.
func (b *Backend) TakeSnapshot(_ context.Context, name string) (client.SnapshotInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("TakeSnapshot", name)
	if err != nil {
		return client.SnapshotInfo{}, err
	}
	if m.snapshot == b.index {
		return client.SnapshotInfo{}, client.NewProblem(client.CodeSnapshotCurrent, "the newest snapshot of %q is of index %d", name, b.index)
	}
	m.snapshot = b.index
	return client.SnapshotInfo{
		Machine: name, Group: m.info.Group, Node: b.node, Index: b.index, Term: 1, Bytes: int64(len(m.state)),
		Digest: string(client.DigestOf([]byte(m.state)))[len("sha256:"):], Took: 1,
	}, nil
}
