package node

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

func TestDeliveryRate(t *testing.T) {
	link := func(bytes, packets, lost uint64) transport.LinkStats {
		return transport.LinkStats{Peer: 2, Up: true, RTT: time.Millisecond, SentBytes: bytes, SentPackets: packets, LostPackets: lost}
	}
	for _, c := range []struct {
		name        string
		before, now transport.LinkStats
		took        time.Duration
		want        uint64
	}{
		{"all arrives", link(1000, 10, 0), link(5000, 20, 0), 2 * time.Second, 2000},
		{"a tenth is lost", link(1000, 10, 0), link(5000, 20, 1), 2 * time.Second, 1800},
		{"all is lost", link(1000, 10, 0), link(5000, 20, 99), time.Second, 0},
		{"losses that were counted before", link(1000, 10, 5), link(5000, 20, 5), time.Second, 4000},
		{"sums that start anew", link(1000, 10, 5), link(500, 5, 0), time.Second, 0},
		{"nothing was sent", link(1000, 10, 0), link(1000, 10, 0), time.Second, 0},
		{"the first look", transport.LinkStats{}, link(1000, 10, 0), time.Second, 0},
		{"no time passed", link(1000, 10, 0), link(5000, 20, 0), 0, 0},
		{"sums near their end", link(0, 0, 0), link(1<<63, 1<<62, 1<<61), time.Second, 1 << 62},
	} {
		if got := deliveryRate(c.before, c.now, c.took); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestPathMeter(t *testing.T) {
	var m pathMeter
	at := transport.LinkStats{Peer: 2, Up: true, RTT: 9 * time.Millisecond, RTTVariance: time.Millisecond, SentBytes: 1000, SentPackets: 1}
	if got := m.measure([]transport.LinkStats{at}, 5*time.Second); len(got) != 1 || got[0].Peer != 2 ||
		got[0].Stats != (raft.PathStats{RTT: at.RTT, Variance: at.RTTVariance, Up: true}) {
		t.Fatalf("%+v", got)
	}
	at.SentBytes, at.SentPackets = 3000, 3
	if got := m.measure([]transport.LinkStats{at}, 6*time.Second); got[0].Stats.DeliveryRate != 2000 {
		t.Fatalf("%+v, want 2000 bytes a second", got)
	}
	if got := m.measure(nil, 7*time.Second); len(got) != 0 {
		t.Fatalf("%+v of a peer that is gone", got)
	}
}
