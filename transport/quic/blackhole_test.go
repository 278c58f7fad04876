package quic

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

// narrow has all larger packets vanish without a word.
func (s *simWorld) narrow(max int) {
	s.setLook(func(p simnet.Packet, _ raft.NodeID) bool { return len(p.Data) > max })
}

// stream sends an append of 20 KB every 100 ms for a while, each with the next term, and
// returns how many went out.
func (n *node) stream(to *node, from raft.Term, d time.Duration) (next raft.Term) {
	data := noise(20 << 10)
	for end := time.Now().Add(d); time.Now().Before(end); from++ {
		_ = n.net.Send(to.id, transport.Frame{Group: 1, Payload: raft.Append{Term: from, Entries: []raft.Entry{{Index: 1, Type: raft.EntryCommand, Data: data}}}})
		time.Sleep(100 * time.Millisecond)
	}
	return from
}

// appended counts the appends that arrived of a term and later.
func (r *recorder) appended(from raft.NodeID, term raft.Term) (count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.frames[from] {
		if a, ok := f.Payload.(raft.Append); ok && a.Term >= term {
			count++
		}
	}
	return count
}

// TestBubbleBlackHole: a route that was whole comes to drop packets above a size, while
// smaller ones pass. Heartbeats keep the connection alive, so somebody has to notice
// that appends do not arrive, once, and what comes after has to pass.
func TestBubbleBlackHole(t *testing.T) {
	for _, row := range []struct {
		mode fec.Mode
		max  int
		want uint64 // connections made anew
	}{
		{fec.ModeOff, 1380, 1},
		// Where losses may be repaired QUIC's packets are smaller, only parity falls.
		{fec.ModeAuto, 1300, 0}, {fec.ModeAuto, 1250, 1},
		{fec.ModeOn, packetBytesMin, 1},
	} {
		t.Run(fmt.Sprintf("%s %d", row.mode, row.max), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSimWorld(t)
				w.sim.whole = true
				a, b := w.node(1, withRepair(row.mode)), w.node(2, withRepair(row.mode))
				w.connect(a, b)
				defer a.beat(b)()
				defer b.beat(a)()
				next := a.stream(b, 1, 3*time.Second)
				w.sim.narrow(row.max)
				next = a.stream(b, next, 10*time.Second)
				last := a.stream(b, next, 4*time.Second)
				time.Sleep(time.Second)
				got, sent := b.rec.appended(1, next), int(last-next)
				t.Logf("%d of %d arrived: %q, %+v", got, sent, a.rec.story, a.net.Links()[0])
				if got < sent {
					t.Errorf("%d appends of %d arrived long after the path became narrow", got, sent)
				}
				for _, n := range []*node{a, b} {
					if l := n.net.Links()[0]; l.Reconnects != row.want || len(n.net.Counters()) != 0 {
						t.Errorf("%v: connected %d times anew, want %d; counted %v", n.id, l.Reconnects, row.want, n.net.Counters())
					}
				}
				if a, b := a.net.Links()[0], b.net.Links()[0]; a.Narrowed+b.Narrowed != row.want {
					t.Errorf("n1 found the path narrow %d times and n2 %d times, want %d in all", a.Narrowed, b.Narrowed, row.want)
				}
			})
		})
	}
}

// TestBubbleParityFitsTunnels: over a tunnel that carries 1,372 bytes, what falls of large
// packets is rebuilt.
func TestBubbleParityFitsTunnels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSimWorld(t)
		w.sim.whole = true
		w.sim.narrow(1372)
		w.sim.lose(0.03)
		a, b := w.node(1, withRepair(fec.ModeAuto)), w.node(2, withRepair(fec.ModeAuto))
		w.connect(a, b)
		a.stream(b, 1, 20*time.Second)
		l := a.net.Links()[0]
		if size := l.SentBytes / l.SentPackets; size < packetBytesMin*9/10 {
			t.Errorf("packets of %d bytes on average are not large", size)
		}
		if l.PathLostPackets < 50 || l.RepairedPackets < l.PathLostPackets*3/4 {
			t.Errorf("%d of %d large packets that fell were rebuilt: %+v", l.RepairedPackets, l.PathLostPackets, l)
		}
	})
}
