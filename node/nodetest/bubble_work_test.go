package nodetest_test

import (
	"context"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// TestWorkIsSeen: what a machine did shows on every replica, and who led it says how long
// commits took; a node that starts again counts what it has to do again, and no more.
func TestWorkIsSeen(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		const commands = 20
		if err := b.client(ctx, commands, make(chan uint64, commands)); err != nil {
			t.Fatal(err)
		}
		led := uint64(0)
		for id := raft.NodeID(1); id <= 3; id++ {
			b.eventually(ctx, "all commands are counted", func() bool { return b.info(ctx, id).Work.Commands >= commands })
			info := b.info(ctx, id)
			if w := info.Work; w.Commands != commands || w.Sessions == 0 {
				t.Errorf("node %v has done %+v", id, w)
			}
			// A quorum of two has an entry after a round trip over a path of 5 ms either way, or later.
			if c := info.Commits; c.Time < time.Duration(c.Entries)*2*b.router.delay {
				t.Errorf("node %v has led %+v", id, c)
			}
			led += info.Commits.Entries
		}
		if led == 0 {
			t.Error("nobody has led")
		}
		follower := b.follower(2)
		b.boot(follower, b.crash(follower))
		b.eventually(ctx, "the node has applied its log again", func() bool { return b.info(ctx, follower).Work.Commands >= commands })
		if w := b.info(ctx, follower).Work; w.Commands != commands || w.Sessions == 0 {
			t.Errorf("the node that was started again has done %+v", w)
		}
	})
}
