package nodetest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// backedUp takes a backup of a machine through one node.
func (b *bubble) backedUp(ctx context.Context, via raft.NodeID, machine string, export bool) (*node.Backup, []byte) {
	b.t.Helper()
	k, err := b.nodes[via].node.Backup(ctx, node.BackupRequest{Machine: machine, Export: export})
	if err != nil {
		b.t.Fatal(err)
	}
	defer k.Close()
	var content bytes.Buffer
	if _, err := k.WriteTo(&content); err != nil {
		b.t.Fatal(err)
	}
	return k, content.Bytes()
}

// sumOf asks one node for a machine's sum.
func (b *bubble) sumOf(ctx context.Context, at raft.NodeID, machine string) (uint64, error) {
	r, err := b.nodes[at].node.Ask(ctx, machine, node.Ask{Forward: true})
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(r.Data), nil
}

// breaking gives the first bytes of a content, and then an error.
type breaking struct {
	r   io.Reader
	err error
}

func (r breaking) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = r.err
	}
	return n, err
}

// inBackupBubble runs a scenario on a cluster with a machine that has some state.
func inBackupBubble(t *testing.T, scenario func(ctx context.Context, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, heirs{adders{ballast: 600 << 10}}, nil)
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		scenario(ctx, b)
	})
}

// TestBubbleBackup gives another machine the state of one, as an export and as an image,
// session and all: it is where the first one was, on every node, and goes on from there
// by itself.
func TestBubbleBackup(t *testing.T) {
	for _, export := range []bool{true, false} {
		t.Run(map[bool]string{true: "export", false: "image"}[export], func(t *testing.T) {
			inBackupBubble(t, func(ctx context.Context, b *bubble) {
				session, err := b.nodes[1].node.OpenSession(ctx, "adder")
				if err != nil {
					t.Fatal(err)
				}
				once := node.Call{Data: []byte{7}, Session: session, Sequence: 1, AckBelow: 1, Forward: true}
				if r, err := b.nodes[1].node.Call(ctx, "adder", once); err != nil || r.Status != 0 {
					t.Fatal(r, err)
				}
				k, content := b.backedUp(ctx, b.follower(2), "adder", export)
				if _, err := b.nodes[1].node.Call(ctx, "adder", node.Call{Data: []byte{100}, Forward: true}); err != nil {
					t.Fatal(err)
				}
				m, index, err := b.nodes[3].node.RestoreMachine(ctx, node.RestoreRequest{Machine: "again", Run: k.Run, Export: export, Content: bytes.NewReader(content)})
				if err != nil || index == 0 || !m.Restore {
					t.Fatal(m, index, err)
				}
				r, err := b.nodes[2].node.Call(ctx, "again", once)
				if err != nil || !r.Replayed || binary.BigEndian.Uint64(r.Data) != 1 {
					t.Errorf("%+v, %v: the session is not remembered", r, err)
				}
				for id := raft.NodeID(1); id <= 3; id++ {
					b.boot(id, b.crash(id))
					b.eventually(ctx, "it has the state", func() bool { sum, err := b.sumOf(ctx, id, "again"); return err == nil && sum == 1 })
				}
				_, _, err = b.nodes[3].node.RestoreMachine(ctx, node.RestoreRequest{Machine: "again", Run: k.Run, Export: export, Content: bytes.NewReader(content)})
				if there := (*node.RestoreExistsError)(nil); !errors.As(err, &there) {
					t.Errorf("a second restore says %v", err)
				}
			})
		})
	}
}

// TestBubbleRestoreInterrupted breaks a restore off in the midst, asks the machine for
// what it does not have, crashes all nodes, and restores again: nothing of the first
// attempt is left. What makes no state is refused, and the machine goes on waiting.
func TestBubbleRestoreInterrupted(t *testing.T) {
	inBackupBubble(t, func(ctx context.Context, b *bubble) {
		if _, err := b.nodes[1].node.Call(ctx, "adder", node.Call{Data: []byte{7}, Forward: true}); err != nil {
			t.Fatal(err)
		}
		k, content := b.backedUp(ctx, 1, "adder", true)
		restore := func(via raft.NodeID, content io.Reader) error {
			_, _, err := b.nodes[via].node.RestoreMachine(ctx, node.RestoreRequest{Machine: "again", Run: k.Run, Export: true, Content: content})
			return err
		}
		cut := errors.New("cut")
		if err := restore(2, breaking{bytes.NewReader(content[:len(content)/2]), cut}); !errors.Is(err, cut) {
			t.Fatal(err)
		}
		b.expectWaiting(ctx, 1)
		var refused *node.RestoreRefusedError
		if err := restore(1, bytes.NewReader(content[:len(content)-1])); !errors.As(err, &refused) {
			t.Errorf("a state without its end: %v", err)
		}
		if err := restore(1, bytes.NewReader(append(bytes.Clone(content), 0))); !errors.As(err, &refused) {
			t.Errorf("a state with something behind it: %v", err)
		}
		if err := restore(3, bytes.NewReader([]byte("\x00\x00\x00\x04none"))); !errors.As(err, &refused) {
			t.Errorf("no state: %v", err)
		}
		if err := restore(2, breaking{bytes.NewReader(content[:len(content)-1]), cut}); !errors.Is(err, cut) {
			t.Fatal(err)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.boot(id, b.crash(id))
		}
		b.eventually(ctx, "it is open", func() bool { return b.nodes[2].node.Restoring(3) })
		b.expectWaiting(ctx, 2)
		if err := restore(3, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		for id := raft.NodeID(1); id <= 3; id++ {
			b.eventually(ctx, "it has the state", func() bool { sum, err := b.sumOf(ctx, id, "again"); return err == nil && sum == 1 })
			b.eventually(ctx, "it has a snapshot", func() bool { list, err := b.nodes[id].store.Snapshots().List(3); return err == nil && len(list) == 1 })
		}
	})
}

// expectWaiting asks a machine that has no state yet for what it cannot do.
func (b *bubble) expectWaiting(ctx context.Context, at raft.NodeID) {
	b.t.Helper()
	n := b.nodes[at].node
	if r, err := n.Call(ctx, "again", node.Call{Data: []byte{1}, Forward: true}); err != nil || r.Status != node.StatusRestoring {
		b.t.Errorf("a command: %+v, %v", r, err)
	}
	if _, err := n.OpenSession(ctx, "again"); !errors.Is(err, node.ErrRestoring) {
		b.t.Errorf("a session: %v", err)
	}
	if _, err := b.sumOf(ctx, at, "again"); !errors.Is(err, node.ErrRestoring) {
		b.t.Errorf("a query: %v", err)
	}
	if _, err := n.Backup(ctx, node.BackupRequest{Machine: "again"}); !errors.Is(err, node.ErrRestoring) {
		b.t.Errorf("a backup: %v", err)
	}
	if _, err := n.TriggerSnapshot(ctx, "again"); !errors.Is(err, node.ErrRestoring) {
		b.t.Errorf("a snapshot: %v", err)
	}
	if _, _, _, err := n.Upgrade(ctx, node.UpgradeRequest{Machine: "again", Module: b.upload(ctx, at, []byte("other"))}); !errors.As(err, new(*node.UpgradeRefusedError)) {
		b.t.Errorf("an upgrade: %v", err)
	}
}
