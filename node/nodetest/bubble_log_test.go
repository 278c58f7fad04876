package nodetest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// logReader begins to read the log of a group on a node.
func (b *bubble) logReader(ctx context.Context, id raft.NodeID, g raft.GroupID, q node.LogQuery) *node.LogReader {
	b.t.Helper()
	r, err := b.nodes[id].node.ReadLog(ctx, g, q)
	if err != nil {
		b.t.Fatalf("node %v: %v", id, err)
	}
	return r
}

// calls reads entries until it has so many calls, and returns their lengths. Whatever it reads
// follows on what came before.
func (b *bubble) calls(ctx context.Context, r *node.LogReader, want int) (lengths []int) {
	b.t.Helper()
	for len(lengths) < want {
		at := r.At()
		entries, more, err := r.Read()
		if err != nil {
			b.t.Fatal(err)
		}
		b.await(ctx, more)
		bytes := 0
		for _, e := range entries {
			if at++; e.Index != at {
				b.t.Fatalf("got entry %d, want %d", e.Index, at)
			}
			if bytes += len(e.Data); bytes > 64<<10 && len(entries) > 1 {
				b.t.Errorf("%d entries came at once, with more than 64 KiB", len(entries))
			}
			lengths = append(lengths, callsOf(b.t, e)...)
		}
	}
	return lengths
}

// await waits until there is more to read; nil: there is.
func (b *bubble) await(ctx context.Context, more <-chan struct{}) {
	b.t.Helper()
	if more == nil {
		return
	}
	select {
	case <-more:
	case <-ctx.Done():
		b.t.Fatal("nobody says that there is more")
	}
}

// callsOf are the lengths of an entry's calls.
func callsOf(t *testing.T, e raft.Entry) (lengths []int) {
	t.Helper()
	if e.Type != raft.EntryCommand {
		return nil
	}
	batch, err := node.DecodeBatch(e.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range batch.Commands {
		if c.Kind == node.CommandCall {
			lengths = append(lengths, len(c.Data))
		}
	}
	return lengths
}

// TestBubbleLog reads the log of a machine on each node while it grows, is cut, and ends.
func TestBubbleLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{}, func(c *node.Config) {
			c.SnapshotLogBytes, c.SnapshotInterval, c.LogTailEntries, c.LogTailBytes, c.LogPinnedBytes = -1, -1, 2, 100, 1
		})
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		call := func(length int) {
			t.Helper()
			if _, err := b.nodes[1].node.Call(ctx, "adder", node.Call{Data: make([]byte, length), Forward: true}); err != nil {
				t.Fatal(err)
			}
		}
		call(1)
		slow, following := map[raft.NodeID]*node.LogReader{}, map[raft.NodeID]*node.LogReader{}
		for id := range b.nodes {
			b.eventually(ctx, "it has applied something", func() bool { return b.status(ctx, id, 2).Applied > 0 })
			slow[id] = b.logReader(ctx, id, 2, node.LogQuery{From: 1})
			following[id] = b.logReader(ctx, id, 2, node.LogQuery{})
			if r := b.logReader(ctx, id, node.MetaGroup, node.LogQuery{Newest: 2, Once: true}); readOnce(t, r) != 2 {
				t.Errorf("node %v: not the newest two of the meta group", id)
			}
		}
		for _, length := range []int{40 << 10, 40 << 10, 2} {
			call(length)
		}
		for id, r := range following {
			if got := b.calls(ctx, r, 4); got[0] != 1 || got[1] != 40<<10 || got[2] != 40<<10 || got[3] != 2 {
				t.Errorf("node %v has calls of %v bytes", id, got)
			}
			if entries, more, err := r.Read(); len(entries) != 0 || more == nil || err != nil {
				t.Errorf("node %v, at the end: %v, %v", id, entries, err)
			}
		}
		for range 140 { // more than is read at a time
			call(3)
		}
		for id, r := range following {
			if got := b.calls(ctx, r, 140); len(got) != 140 || got[139] != 3 {
				t.Errorf("node %v: %v", id, got)
			}
			b.checkCutLog(ctx, id, slow[id])
		}
		if _, err := b.nodes[1].node.ReadLog(ctx, 77, node.LogQuery{}); !errors.Is(err, node.ErrNoMachine) {
			t.Errorf("an unknown group: %v", err)
		}
		if _, _, err := b.nodes[1].node.Delete(ctx, node.DeleteRequest{Machine: "adder"}); err != nil {
			t.Fatal(err)
		}
		for id, r := range following {
			_, more, err := r.Read()
			for ; err == nil; _, more, err = r.Read() {
				b.await(ctx, more)
			}
			if !errors.Is(err, node.ErrDeleted) {
				t.Errorf("node %v ended with %v", id, err)
			}
			if _, err := b.nodes[id].node.ReadLog(ctx, 2, node.LogQuery{}); !errors.Is(err, node.ErrDeleted) {
				t.Errorf("node %v, afterwards: %v", id, err)
			}
		}
	})
}

// checkCutLog cuts a node's log behind a reader, and looks at what is left.
func (b *bubble) checkCutLog(ctx context.Context, id raft.NodeID, slow *node.LogReader) {
	b.t.Helper()
	whole := readOnce(b.t, b.logReader(ctx, id, 2, node.LogQuery{Once: true}))
	if _, err := b.nodes[id].node.TriggerSnapshot(ctx, "adder"); err != nil {
		b.t.Fatal(err)
	}
	var cut *node.LogCutError
	b.eventually(ctx, "its log is cut", func() bool {
		_, _, err := b.logReader(ctx, id, 2, node.LogQuery{From: 1}).Read()
		return errors.As(err, &cut) && cut.First > 100
	})
	time.Sleep(2 * time.Second) // virtual: nobody writes, so that what is to be cut is cut then
	if _, _, err := slow.Read(); !errors.As(err, &cut) || cut.First != b.status(ctx, id, 2).PurgedIndex+1 {
		b.t.Errorf("node %v: who is too slow gets %v", id, err)
	}
	left := readOnce(b.t, b.logReader(ctx, id, 2, node.LogQuery{From: cut.First, Once: true}))
	for what, q := range map[string]node.LogQuery{"all": {Once: true}, "more than there are": {Newest: uint64(whole), Once: true}} {
		if got := readOnce(b.t, b.logReader(ctx, id, 2, q)); got != left || left == 0 || left >= whole {
			b.t.Errorf("node %v, %s: %d of %d entries are left, %d were read", id, what, left, whole, got)
		}
	}
	if got := readOnce(b.t, b.logReader(ctx, id, 2, node.LogQuery{Newest: 1, Once: true})); got != 1 {
		b.t.Errorf("node %v: %d are the newest one", id, got)
	}
}

// readOnce is how many entries a reader has before it would wait.
func readOnce(t *testing.T, r *node.LogReader) (n int) {
	t.Helper()
	for {
		entries, more, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		if n += len(entries); more != nil {
			return n
		}
	}
}
