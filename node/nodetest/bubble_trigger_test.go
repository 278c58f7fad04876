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

// TestBubbleTrigger asks nodes for snapshots that are not due: each is durable when the
// answer comes, holds all that was applied, rests on the one before where it can, and the log
// goes behind it. Where nothing was applied since, the answer says so. In both modes it is
// an image: an export would need an entry, which every replica would obey.
func TestBubbleTrigger(t *testing.T) { inBothModes(t, bubbleTrigger) }

func bubbleTrigger(t *testing.T, mode node.SnapshotMode) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{ballast: 600 << 10}, func(c *node.Config) {
			c.SnapshotLogBytes, c.SnapshotInterval, c.LogTailEntries, c.LogTailBytes, c.LogPinnedBytes = -1, -1, 2, 100, 1
		})
		b.mode = mode
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		b.deploy(ctx, 2, "adder", []byte("any bytes"))
		b.work(ctx, 0, 20)
		for id := raft.NodeID(1); id <= 3; id++ {
			n := b.nodes[id].node
			if s := n.SnapshotStats(); s.Taken != 0 {
				t.Fatalf("node %v took %d snapshots before it was asked", id, s.Taken)
			}
			b.expectSum(ctx, id, 20)
			s, err := n.TriggerSnapshot(ctx, "adder")
			if err != nil || s.File.Index < 20 || s.Header.Meta.Index != s.File.Index || s.File.Size < 600<<10 {
				t.Fatalf("node %v: %+v, %v", id, s, err)
			}
			if kind := b.kindOf(id, s.File); kind != "state/1" {
				t.Errorf("node %v recorded a file of kind %s", id, kind)
			}
			var current *node.SnapshotCurrentError
			if _, err := n.TriggerSnapshot(ctx, "adder"); !errors.As(err, &current) || current.Index != s.File.Index {
				t.Errorf("node %v, again: %v", id, err)
			}
			if _, err := n.TriggerSnapshot(ctx, "nobody"); !errors.Is(err, node.ErrNoMachine) {
				t.Errorf("node %v, of a machine that is not there: %v", id, err)
			}
			b.eventually(ctx, "its log is cut", func() bool { return b.status(ctx, id, 2).PurgedIndex > s.File.Index-10 })
		}
		for id := raft.NodeID(1); id <= 3; id++ { // Why all: who leads is asked for commands once more
			b.boot(id, b.crash(id))
			b.expectSum(ctx, id, 20)
		}
		b.work(ctx, 20, 5)
	})
}
