package quic

import (
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/internal/relay"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

func withRepair(mode fec.Mode) func(*Config) { return func(c *Config) { c.Repair.Mode = mode } }

// lose drops a share of all packets, by a seed.
func (s *simWorld) lose(share float64) {
	var mu sync.Mutex // guards chance
	chance := rand.New(rand.NewPCG(1, 1))
	s.setDrop(func(raft.NodeID, raft.NodeID) bool {
		mu.Lock()
		defer mu.Unlock()
		return chance.Float64() < share
	})
}

// latencies sends appends at a rate for a while and returns how long each took, in
// order, but for those of the first half.
func latencies(t *testing.T, from, to *node, perSecond int, d time.Duration) []time.Duration {
	t.Helper()
	n := int(d.Seconds()) * perSecond
	sent := make([]time.Time, 0, n)
	data := noise(200)
	for i := range n {
		sent = append(sent, time.Now())
		from.send(to, raft.Append{Term: raft.Term(i + 1), Entries: []raft.Entry{{Index: 1, Type: raft.EntryCommand, Data: data}}})
		time.Sleep(time.Second / time.Duration(perSecond))
	}
	got := to.rec.untilFrames(t, from.id, n)
	var out []time.Duration
	for i, f := range got {
		if term := int(f.Payload.(raft.Append).Term); term > n/2 {
			out = append(out, to.rec.when[from.id][i].Sub(sent[term-1]))
		}
	}
	slices.Sort(out)
	return out
}

// Under loss, far fewer appends take much longer than the path than without repair.
func TestBubbleRepairBeatsLoss(t *testing.T) {
	late := map[fec.Mode]int{}
	for _, mode := range []fec.Mode{fec.ModeAuto, fec.ModeOff} {
		synctest.Test(t, func(t *testing.T) {
			w := newSimWorld(t)
			a, b := w.node(1, withRepair(mode)), w.node(2, withRepair(mode))
			w.connect(a, b)
			w.sim.lose(0.03)
			took := latencies(t, a, b, 250, 20*time.Second)
			for _, d := range took {
				if d > 2*simLatency {
					late[mode]++
				}
			}
			l := a.net.Links()[0]
			t.Logf("%s: half within %v, 99%% within %v, %d of %d late; %+v", mode, took[len(took)/2], took[len(took)*99/100], late[mode], len(took), l)
			if mode == fec.ModeOff {
				if l.Repair != transport.RepairOff || l.ParityPackets != 0 {
					t.Errorf("parity without repair: %+v", l)
				}
				return
			}
			if l.Repair != transport.RepairActive || l.RepairedPackets == 0 || l.RepairLoss < 0.01 || l.RepairLoss > 0.06 {
				t.Errorf("at 3 %% of loss: %+v", l)
			}
			if l.PathLostPackets < l.LostPackets {
				t.Errorf("the path lost %d, after repair %d are left", l.PathLostPackets, l.LostPackets)
			}
			if r := b.net.Links()[0]; r.RebuiltPackets == 0 {
				t.Errorf("nothing was rebuilt: %+v", r)
			}
		})
	}
	if late[fec.ModeAuto] > late[fec.ModeOff]/2 || late[fec.ModeOff] == 0 {
		t.Errorf("%d appends are late with repair, %d without", late[fec.ModeAuto], late[fec.ModeOff])
	}
}

// Without loss nothing of ours is sent, and a peer that cannot repair is no worse off.
func TestBubbleRepairIsQuietOrOff(t *testing.T) {
	for _, row := range []struct {
		name string
		a, b fec.Mode
		want transport.RepairState
	}{{"both", fec.ModeAuto, fec.ModeAuto, transport.RepairQuiet}, {"one side", fec.ModeAuto, fec.ModeOff, transport.RepairOff}, {"other side", fec.ModeOff, fec.ModeOn, transport.RepairOff}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSimWorld(t)
				a, b := w.node(1, withRepair(row.a)), w.node(2, withRepair(row.b))
				w.connect(a, b)
				if took := latencies(t, a, b, 100, 4*time.Second); took[len(took)-1] > 2*simLatency {
					t.Errorf("an append took %v", took[len(took)-1])
				}
				for _, n := range []*node{a, b} {
					l := n.net.Links()[0]
					if l.Repair != row.want || l.ParityPackets != 0 || l.PathLostPackets != 0 {
						t.Errorf("%+v", l)
					}
				}
			})
		})
	}
}

// A node that restarts, and one whose connection is replaced, is repaired anew.
func TestBubbleRepairSurvivesARestart(t *testing.T) {
	for _, id := range []raft.NodeID{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			w := newSimWorld(t)
			nodes := map[raft.NodeID]*node{1: w.node(1, withRepair(fec.ModeOn)), 2: w.node(2, withRepair(fec.ModeOn))}
			w.connect(nodes[1], nodes[2])
			w.sim.lose(0.02)
			latencies(t, nodes[1], nodes[2], 250, 4*time.Second)
			before := nodes[3-id].net.Links()[0].ParityPackets
			at := nodes[id].crash()
			nodes[id].start(at)
			nodes[id].list(nodes[1], nodes[2])
			nodes[3-id].rec.untilTold(t, "up "+id.String(), 2)
			nodes[id].rec.untilUp(t, 3-id)
			nodes[2].rec.change(func() { clear(nodes[2].rec.frames); clear(nodes[2].rec.when) })
			latencies(t, nodes[1], nodes[2], 250, 4*time.Second)
			for _, n := range nodes {
				if l := n.net.Links()[0]; l.Repair != transport.RepairActive {
					t.Errorf("%v after %v restarted: %+v", n.id, id, l)
				}
			}
			if l := nodes[1].net.Links()[0]; l.RepairedPackets == 0 || id == 2 && l.ParityPackets <= before {
				t.Errorf("nothing is repaired any more: %+v", l)
			}
		})
	}
}

// throughRelay connects two nodes on loopback, a dialling b through a relay. Why b has another
// address of a's, at which nobody answers: where b knocked from, a would dial it past the relay.
func throughRelay(t *testing.T, mode fec.Mode, c relay.Conditions) (a, b *node, r *relay.Relay) {
	t.Helper()
	w := newWorld(t)
	a, b = w.node(1, withRepair(mode)), w.node(2, withRepair(mode))
	r, err := relay.Start(relay.Config{Target: b.conn.LocalAddr().String(), Seed: 1, Forward: c, Back: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	nobody, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nobody.Close() })
	b.net.SetPeers([]transport.Peer{{ID: 1, Address: nobody.LocalAddr().String()}})
	a.net.SetPeers([]transport.Peer{{ID: 2, Address: r.Addr().String()}})
	a.rec.untilUp(t, 2)
	b.rec.untilUp(t, 1)
	return a, b, r
}

// carryFile reads a file of b's over the link.
func carryFile(t *testing.T, a, b *node, size int) {
	t.Helper()
	data := noise(size)
	b.rec.hold("f", data)
	f, _, err := a.net.OpenFile(t.Context(), 2, "f", 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err != nil || !slices.Equal(got, data) {
		t.Fatalf("%d of %d bytes, %v", len(got), len(data), err)
	}
	_ = f.Close()
}

// Over real sockets, with segmentation offload where there is one, what is lost is
// rebuilt, also after the path's address has changed.
func TestRepairOverSockets(t *testing.T) {
	a, b, r := throughRelay(t, fec.ModeOn, relay.Conditions{Loss: 0.03, Delay: 5 * time.Millisecond})
	for range 2 {
		before := a.net.Links()[0].RebuiltPackets
		deadline := time.Now().Add(patience)
		for a.net.Links()[0].RebuiltPackets < before+20 {
			carryFile(t, a, b, 1<<20)
			if time.Now().After(deadline) {
				t.Fatalf("nothing is rebuilt: %+v, peer %+v", a.net.Links()[0], b.net.Links()[0])
			}
		}
		if err := r.Rebind(); err != nil {
			t.Fatal(err)
		}
	}
}
