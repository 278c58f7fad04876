package node

import (
	"slices"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

func TestNearest(t *testing.T) {
	nodes := func(regions ...string) (out []NodeRecord) {
		for i, r := range regions {
			out = append(out, NodeRecord{ID: raft.NodeID(i + 1), Region: r})
		}
		return out
	}
	link := func(peer raft.NodeID, ms int) transport.LinkStats {
		return transport.LinkStats{Peer: peer, Up: true, RTT: time.Duration(ms) * time.Millisecond}
	}
	down := func(peer raft.NodeID) transport.LinkStats {
		return transport.LinkStats{Peer: peer, RTT: time.Millisecond} // as of when it stood
	}
	for _, c := range []struct {
		name  string
		nodes []NodeRecord
		links []transport.LinkStats
		want  []raft.NodeID
	}{
		{"alone", nodes("eu"), nil, nil},
		{"nothing is known", nodes("", "", ""), nil, []raft.NodeID{2, 3}},
		{"by round trip", nodes("", "", "", ""), []transport.LinkStats{link(2, 80), link(3, 5), link(4, 70)}, []raft.NodeID{3, 4, 2}},
		{"one that is not measured yet comes after those that are", nodes("", "", ""), []transport.LinkStats{link(2, 0), link(3, 90)}, []raft.NodeID{3, 2}},
		{"the region first", nodes("eu", "us", "eu"), []transport.LinkStats{link(2, 5), link(3, 9)}, []raft.NodeID{3, 2}},
		{"no region is not a region", nodes("", "", "eu"), []transport.LinkStats{link(2, 9), link(3, 5)}, []raft.NodeID{3, 2}},
		{"no link, no use", nodes("eu", "eu", "us"), []transport.LinkStats{down(2), link(3, 200)}, []raft.NodeID{3, 2}},
	} {
		if got := nearest(1, c.nodes, c.links); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
