package nodetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// addKeyed adds 1 under a key until somebody answers, and once more at another node.
func (b *bubble) addKeyed(ctx context.Context, key string) (sum uint64) {
	b.t.Helper()
	answered := 0
	for at := raft.NodeID(1); answered < 2; at = at%3 + 1 {
		if ctx.Err() != nil {
			b.t.Fatal(ctx.Err())
		}
		if b.nodes[at] == nil {
			continue
		}
		try, cancel := context.WithTimeout(ctx, time.Second)
		r, err := b.nodes[at].node.Call(try, "adder", node.Call{Data: []byte{1}, Key: key, Forward: true})
		cancel()
		if err != nil {
			continue
		}
		if answered++; r.Status != 0 || answered == 2 && (!r.Replayed || sum != binary.BigEndian.Uint64(r.Data)) {
			b.t.Fatalf("key %q: %+v, the first answer was %d", key, r, sum)
		}
		sum = binary.BigEndian.Uint64(r.Data)
	}
	return sum
}

// TestKeysLiveThroughCrashes: commands under keys take effect once, whatever leads, dies
// and is repeated, and another command under a key never.
func TestKeysLiveThroughCrashes(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		const commands = 30
		var old raft.NodeID
		var disk *vfs.MemFS
		for i := range uint64(commands) {
			switch i % 10 {
			case 5:
				old = b.leader(2)
				disk = b.crash(old)
			case 8: // commands went on without it
				b.boot(old, disk)
			}
			if sum := b.addKeyed(ctx, fmt.Sprint("k", i)); sum != i+1 {
				t.Fatalf("command %d answers %d", i, sum)
			}
			time.Sleep(time.Second) // virtual
		}
		n := b.nodes[1].node
		if r, err := n.Call(ctx, "adder", node.Call{Data: []byte{1}, Key: "k0", Forward: true}); err != nil || !r.Replayed || r.Data[7] != 1 {
			t.Errorf("the first key again: %+v, %v", r, err)
		}
		if r, err := n.Call(ctx, "adder", node.Call{Data: []byte{2}, Key: "k0", Forward: true}); err != nil || r.Status != node.StatusKeyReused {
			t.Errorf("another command under it: %+v, %v", r, err)
		}
		b.expectSum(ctx, 2, commands)
	})
}

// TestKeysComeWithLevel2: a cluster whose nodes may be of the release before refuses them.
func TestKeysComeWithLevel2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tunedBubble(t, adders{}, func(c *node.Config) { c.Serves = node.Level1 })
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		var level *node.LevelRefusedError
		if r, err := b.nodes[1].node.Call(ctx, "adder", node.Call{Data: []byte{1}, Key: "k", Forward: true}); !errors.As(err, &level) {
			t.Errorf("%+v, %v", r, err)
		}
		if err := b.client(ctx, 3, make(chan uint64, 3)); err != nil {
			t.Errorf("a session: %v", err)
		}
	})
}
