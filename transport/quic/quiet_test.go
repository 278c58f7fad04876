// Why not under the race detector: there sync.Pool forgets at random, on purpose.
//go:build !race

package quic

import (
	"runtime"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

// roundTrips is what a command costs the network of a leader and a follower: an append of
// one entry and its answer, one after the other.
type roundTrips struct {
	nets [2]*Network
	back chan struct{}
}

func newRoundTrips(t testing.TB, mode fec.Mode) *roundTrips {
	nets, handlers := benchPair(t, mode)
	r := &roundTrips{nets: nets, back: make(chan struct{}, 1)}
	handlers[1].answerWith(func(f transport.Frame) {
		_ = nets[1].Send(1, transport.Frame{Group: f.Group, Payload: raft.AppendReply{Term: 1, Match: 10}})
	})
	handlers[0].answerWith(func(transport.Frame) { r.back <- struct{}{} })
	return r
}

// run makes n round trips and returns what each allocated, at both ends together.
func (r *roundTrips) run(t testing.TB, n int) float64 {
	frame := transport.Frame{Group: 1, Payload: appendOf(1, 128)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		if err := r.nets[0].Send(2, frame); err != nil {
			t.Fatal(err)
		}
		<-r.back
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n)
}

// costs measures round trips in each mode, in turns, and returns the least that each
// allocated: whatever else the process does meanwhile only adds to it.
func costs(t *testing.T, modes ...fec.Mode) map[fec.Mode]float64 {
	const trips, turns = 200, 6
	pairs := make([]*roundTrips, len(modes))
	for i, mode := range modes {
		pairs[i] = newRoundTrips(t, mode)
		pairs[i].run(t, trips) // buffers and windows grow
	}
	least := map[fec.Mode]float64{}
	for turn := range turns {
		for i, mode := range modes {
			if cost := pairs[i].run(t, trips); turn == 0 || cost < least[mode] {
				least[mode] = cost
			}
		}
	}
	return least
}

// TestACommandCostsTheSame: on a path that loses nothing a command allocates as much with
// the repair of losses as without, and repair that is in the way would show: it costs
// several times that.
func TestACommandCostsTheSame(t *testing.T) {
	least := costs(t, fec.ModeOff, fec.ModeAuto, fec.ModeOn)
	t.Logf("allocations for an append and its answer: off=%.2f auto=%.2f on=%.2f", least[fec.ModeOff], least[fec.ModeAuto], least[fec.ModeOn])
	const whole = 0.5 // less than one for every second command is none for each
	if d := least[fec.ModeAuto] - least[fec.ModeOff]; d > whole {
		t.Errorf("auto allocates %.2f more for each command", d)
	}
	if d := least[fec.ModeOn] - least[fec.ModeOff]; d < 10*whole {
		t.Errorf("on allocates only %.2f more for each command: the test shows nothing", d)
	}
}
