package nodetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// TestALinkIsMeasured: its round trips are those of the way there and back, as slow and
// lossy as that is, and what cannot be measured is named.
func TestALinkIsMeasured(t *testing.T) {
	inBubble(t, func(ctx context.Context, t *testing.T, b *bubble) {
		n := b.nodes[1].node
		spec := node.MeasureSpec{Samples: 200, Interval: 5 * time.Millisecond, Bytes: 1 << 20}
		m, err := n.MeasureLink(ctx, 3, spec)
		if err != nil {
			t.Fatal(err)
		}
		// The router takes 5 ms each way.
		if p50 := m.RTTs[len(m.RTTs)/2]; len(m.RTTs) != 200 || m.Unanswered != 0 || p50 < 10*time.Millisecond || p50 > 15*time.Millisecond {
			t.Errorf("%d round trips, %v in the middle, %d unanswered", len(m.RTTs), p50, m.Unanswered)
		}
		for _, way := range []node.Transfer{m.Sent, m.Received} {
			if way.Bytes != 1<<20 || way.Took < 10*time.Millisecond || way.Took > 10*time.Second {
				t.Errorf("%d bytes in %v", way.Bytes, way.Took)
			}
		}
		if sent := m.After.SentPackets - m.Before.SentPackets; sent < 200 {
			t.Errorf("%d packets were sent", sent)
		}
		for _, bad := range []node.MeasureSpec{
			{}, {Samples: 1}, {Samples: node.MeasureSamplesMax + 1, Interval: time.Second},
			{Samples: 1, Interval: time.Second, Bytes: -1}, {Samples: 1, Interval: time.Second, Bytes: node.MeasureBytesMax + 1},
		} {
			if _, err := n.MeasureLink(ctx, 3, bad); !errors.Is(err, node.ErrBadMeasure) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		for _, to := range []raft.NodeID{1, 9} {
			if _, err := n.MeasureLink(ctx, to, spec); !errors.Is(err, node.ErrUnknownNode) {
				t.Errorf("to %v: %v", to, err)
			}
		}
		b.crash(3)
		b.eventually(ctx, "n1 knows that n3 is gone", func() bool {
			_, err := n.MeasureLink(ctx, 3, node.MeasureSpec{Samples: 1, Interval: time.Millisecond})
			return errors.Is(err, node.ErrLinkDown)
		})
	})
}
