package nodetest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestStatusShowsThePaths: what QUIC measures of a connection reaches the core.
func TestStatusShowsThePaths(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		if err := b.client(ctx, 20, make(chan uint64, 20)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // virtual: the paths are told once per second
		synctest.Wait()
		leader := b.leader(2)
		info, err := b.nodes[leader].node.Group(ctx, 2, "adder")
		if err != nil {
			t.Fatal(err)
		}
		// The router takes 5 ms each way.
		near, far := 10*time.Millisecond, 60*time.Millisecond
		if rtt := info.Status.QuorumRTT; rtt < near || rtt > 4*far {
			t.Errorf("a quorum answers within %v", rtt)
		}
		if len(info.Status.Followers) != 2 {
			t.Fatalf("%+v", info.Status)
		}
		for _, f := range info.Status.Followers {
			if f.RTT < near || f.RTT > far || f.WindowBytes == 0 || f.WindowAppends == 0 || f.DiskSlow {
				t.Errorf("%+v, want an RTT of %v to %v and a window", f, near, far)
			}
		}
	})
}
