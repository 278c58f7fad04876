package nodetest_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

const (
	// lossShown is the share of packets from which on the web page calls a link lossy.
	lossShown = 0.001
	// seenWithin is how soon a node has to know of it: the page asks every second, waits a second
	// for other nodes, and is to show it within five.
	seenWithin = 3 * time.Second
)

// TestALossyLinkIsSeenSoon: while two clients work, each node says soon of some link that a tenth
// of its packets falls.
func TestALossyLinkIsSeenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := emptyBubble(t, func(raft.NodeID) node.MachineOpener { return adders{} }, func(*node.Config) {})
		b.bootAll()
		defer b.close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		b.deploy(ctx, 1, "adder", []byte("any bytes"))
		var clients sync.WaitGroup
		defer clients.Wait()
		defer cancel()
		for range 2 {
			clients.Go(func() { _ = b.clientThat(ctx, 1<<30, func(uint64) {}) }) // until the test is over
		}
		for id := range b.networks { // what fell before all nodes ran is forgotten
			if took := b.untilLoss(id, false); took > time.Minute {
				t.Fatalf("%v sees losses where nothing falls: %+v", id, b.networks[id].Links())
			}
		}
		b.router.lose(0.1)
		began := time.Now()
		for id := range b.networks {
			b.untilLoss(id, true)
			if took := time.Since(began); took > seenWithin {
				t.Errorf("%v says so after %v: %+v", id, took, b.networks[id].Links())
			} else {
				t.Logf("%v says so after %v", id, took)
			}
		}
		b.router.lose(0)
	})
}

// untilLoss waits until a node says of one of its links that it is lossy, or of none, and returns
// how long that took: more than a minute when it gave up.
func (b *bubble) untilLoss(id raft.NodeID, lossy bool) time.Duration {
	began := time.Now()
	shown := func(l transport.LinkStats) bool { return l.RepairLoss >= lossShown }
	for slices.ContainsFunc(b.networks[id].Links(), shown) != lossy && time.Since(began) <= time.Minute {
		time.Sleep(10 * time.Millisecond) // virtual
	}
	return time.Since(began)
}
