package node

import (
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// pathsEvery is how often the shards hear what the ways to the peers are like.
const pathsEvery = time.Second

// PeerPath is what is known of the way to a peer.
type PeerPath struct {
	Peer  raft.NodeID
	Stats raft.PathStats
}

// pathMeter turns a network's sums into what its links did lately.
type pathMeter struct {
	at   time.Duration
	last map[raft.NodeID]transport.LinkStats
}

// measure returns the paths as of now, since the last call.
func (m *pathMeter) measure(links []transport.LinkStats, now time.Duration) []PeerPath {
	seen := map[raft.NodeID]transport.LinkStats{}
	paths := make([]PeerPath, 0, len(links))
	for _, l := range links {
		seen[l.Peer] = l
		paths = append(paths, PeerPath{Peer: l.Peer, Stats: raft.PathStats{
			RTT: l.RTT, Variance: l.RTTVariance, Up: l.Up,
			DeliveryRate: deliveryRate(m.last[l.Peer], l, now-m.at),
		}})
	}
	m.at, m.last = now, seen
	return paths
}

// deliveryRate is how many bytes arrived per second between two looks at a link; 0
// when nobody can tell. Bytes are lost in proportion to packets.
func deliveryRate(before, now transport.LinkStats, took time.Duration) uint64 {
	if before.Peer == 0 || took <= 0 || now.SentBytes < before.SentBytes || now.SentPackets <= before.SentPackets {
		return 0
	}
	packets := now.SentPackets - before.SentPackets
	arrived := packets - min(now.LostPackets-min(before.LostPackets, now.LostPackets), packets)
	hi, lo := bits.Mul64(now.SentBytes-before.SentBytes, arrived)
	bytes, _ := bits.Div64(hi, lo, packets) // arrived <= packets, so it fits
	return uint64(float64(bytes) / took.Seconds())
}

// runPaths is the goroutine that tells the shards. A full inbox misses one round.
func (n *Node) runPaths() {
	timer := n.clock.NewTimer(pathsEvery)
	defer timer.Stop()
	var m pathMeter
	for {
		select {
		case <-n.stop:
			return
		case <-timer.C():
		}
		timer.Reset(pathsEvery)
		paths := m.measure(n.network.Links(), n.clock.Now())
		for _, s := range n.shards {
			s.in.put(func(sh *Shard) { sh.PeerPaths(paths) })
		}
	}
}

// observeHealth logs what cores notice of disks and of followers.
func (n *Node) observeHealth(e GroupEvent) {
	switch ev := e.Event.(type) {
	case raft.DiskSlow:
		n.log.Warn("disk stalled, this replica does not lead until it works again; look at the disk of the data directory", "group", e.Group, "writes", ev.Writes)
	case raft.DiskRecovered:
		n.log.Info("disk works again", "group", e.Group)
	case raft.FollowerDisk:
		n.log.Info("a follower's disk changed", "group", e.Group, "peer", uint64(ev.Peer), "stalled", ev.Slow)
	case raft.FollowerRoom:
		n.log.Info("a follower's disk changed", "group", e.Group, "peer", uint64(ev.Peer), "full", ev.Full)
	case raft.ReplicaHealed:
		n.log.Info("a replica whose log was damaged is whole again and votes", "group", e.Group, "index", uint64(ev.Last))
	case raft.FollowerDamaged:
		n.log.Info("a follower's log changed", "group", e.Group, "peer", uint64(ev.Peer), "damaged", ev.Damaged)
	case raft.ProgressStalled:
		n.log.Info("a follower answers and acknowledges nothing", "group", e.Group, "peer", uint64(ev.Peer), "index", uint64(ev.Match))
	case raft.RepliesDropped:
		n.log.Warn("answers to peers are dropped until the disk moves; look at the disk of the data directory", "group", e.Group, "waiting", ev.Waiting)
	}
}

// PeerPaths tells every core what the ways to the peers are like.
func (s *Shard) PeerPaths(paths []PeerPath) {
	for _, g := range slices.Sorted(maps.Keys(s.replicas)) {
		r := s.replicas[g]
		for _, p := range paths {
			r.core.PeerStats(p.Peer, p.Stats)
		}
		if r.core.Pending() {
			s.touch(r)
		}
	}
}
