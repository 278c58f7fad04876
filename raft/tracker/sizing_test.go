package tracker

import (
	"math"
	"testing"
	"time"

	"github.com/wraft/wraft/raft/quorum"
	"pgregory.net/rapid"
)

// near is a path inside a building.
var near = PathStats{RTT: time.Millisecond, Up: true}

func drawFlow(t *rapid.T) (PathStats, Flow) {
	duration := rapid.Int64Range(0, int64(3*time.Hour))
	path := PathStats{
		RTT: time.Duration(duration.Draw(t, "rtt")), Variance: time.Duration(duration.Draw(t, "variance")),
		DeliveryRate: rapid.Uint64().Draw(t, "delivery rate"), Up: rapid.Bool().Draw(t, "up"),
	}
	return path, Flow{
		Bytes: rapid.Uint64().Draw(t, "bytes"), Appends: rapid.Uint64().Draw(t, "appends"),
		Lag: time.Duration(duration.Draw(t, "lag")),
	}
}

// TestSizeStaysWithinItsBounds: never above the configuration, never below the floor,
// and fixed while nothing is known.
func TestSizeStaysWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path, flow := drawFlow(t)
		most := Limits{Appends: rapid.IntRange(1, 1<<20).Draw(t, "most appends"), Bytes: rapid.Uint64Min(1).Draw(t, "most bytes")}
		got := Size(path, flow, most)
		if got.Appends < min(most.Appends, windowAppendsMin) || got.Appends > most.Appends ||
			got.Bytes < min(most.Bytes, windowBytesMin) || got.Bytes > most.Bytes {
			t.Fatalf("%+v of %+v", got, most)
		}
		if !path.Known() && got != (Limits{most.Appends, min(most.Bytes, unmeasuredBytesMax)}) {
			t.Fatalf("%+v though the path is not known", got)
		}
	})
}

// TestSizeGrowsWithWhatItIsMadeOf: a longer way, a slower disk or a greater rate never
// makes a window smaller.
func TestSizeGrowsWithWhatItIsMadeOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path, flow := drawFlow(t)
		path.Up, path.RTT = true, path.RTT+1
		most := Limits{Appends: 1 << 20, Bytes: math.MaxUint64}
		before := Size(path, flow, most)
		switch rapid.IntRange(0, 4).Draw(t, "what grows") {
		case 0:
			path.RTT += path.RTT/2 + 1
		case 1:
			path.DeliveryRate += (math.MaxUint64 - path.DeliveryRate) / 2
		case 2:
			flow.Bytes += (math.MaxUint64 - flow.Bytes) / 2
		case 3:
			flow.Appends += (math.MaxUint64 - flow.Appends) / 2
		case 4:
			flow.Lag += flow.Lag/2 + 1
		}
		after := Size(path, flow, most)
		if after.Appends < before.Appends || after.Bytes < before.Bytes {
			t.Fatalf("from %+v to %+v", before, after)
		}
	})
}

func TestSizeOfAKnownPath(t *testing.T) {
	most := Limits{Appends: 256, Bytes: 64 << 20}
	path := PathStats{RTT: 140 * time.Millisecond, Variance: 5 * time.Millisecond, DeliveryRate: 1, Up: true}
	got := Size(path, Flow{Bytes: 100_000_000, Appends: 400, Lag: 50 * time.Millisecond}, most)
	if want := (Limits{Appends: 160, Bytes: 40_000_000}); got != want {
		t.Errorf("%+v, want %+v: twice what fits into 200 ms", got, want)
	}
	path.DeliveryRate = 150_000_000
	if got := Size(path, Flow{Bytes: 100_000_000}, most); got.Bytes != 45_000_000 {
		t.Errorf("%+v: the greater rate should count", got)
	}
	if perSecond(math.MaxUint64, 1) != math.MaxInt64 || perSecond(10, 2*time.Second) != 5 {
		t.Error("perSecond")
	}
}

// open returns a progress that replicates over a path, with wide limits.
func open(path PathStats) *Progress {
	p := New(2, 0, 0, Limits{Appends: 256, Bytes: 64 << 20})
	p.SetPath(path)
	p.Accepted(0, 0)
	return p
}

func TestLagIsThatOfAppendsThatWereAlone(t *testing.T) {
	p := open(near)
	p.SentEntries(1, 100, 0)
	p.Accepted(1, 21*time.Millisecond)
	if _, flow := p.Window(); flow.Lag != 20*time.Millisecond {
		t.Fatalf("lag %v, want 20ms", flow.Lag)
	}
	p.SentEntries(2, 100, time.Second)
	p.SentEntries(3, 100, time.Second)
	p.Accepted(3, 2*time.Second) // who knows which of the two waited
	if _, flow := p.Window(); flow.Lag != 20*time.Millisecond {
		t.Fatalf("lag %v after two at once", flow.Lag)
	}
	p.SentEntries(4, 100, 3*time.Second)
	p.Accepted(4, 3*time.Second+61*time.Millisecond)
	if _, flow := p.Window(); flow.Lag != 30*time.Millisecond {
		t.Fatalf("lag %v, want 20ms and a quarter of the way to 60ms", flow.Lag)
	}
	p.SentEntries(5, 100, 4*time.Second)
	p.Accepted(5, 4*time.Second) // faster than the path: clocks are coarse
	if _, flow := p.Window(); flow.Lag < 22*time.Millisecond || flow.Lag > 23*time.Millisecond {
		t.Fatalf("lag %v", flow.Lag)
	}
}

func TestRatesFallOnlyWhenTheWindowWasFull(t *testing.T) {
	p := open(near)
	p.SentEntries(1, 1_000_000, 0)
	p.Accepted(1, 10*time.Millisecond)
	if _, flow := p.Window(); flow.Bytes != 100_000_000 || flow.Appends != 100 {
		t.Fatalf("%+v, want 1 MB in 10 ms", flow)
	}
	p.SentEntries(2, 1000, time.Second)
	p.Accepted(2, time.Second+10*time.Millisecond)
	if _, flow := p.Window(); flow.Bytes != 100_000_000 {
		t.Fatalf("%+v: little was sent, which says nothing", flow)
	}
	p.SentEntries(3, 200_000, 2*time.Second)
	p.Waits(2 * time.Second)
	p.Accepted(3, 2*time.Second+10*time.Millisecond)
	if _, flow := p.Window(); flow.Bytes != 80_000_000 {
		t.Fatalf("%+v, want a quarter of the way to 20 MB/s", flow)
	}
}

// TestBusyFollowersAreCalibrated: one that is never idle is drained every ten seconds,
// so that its disk is seen without what queues before it.
func TestBusyFollowersAreCalibrated(t *testing.T) {
	p := open(near)
	p.SentEntries(1, 100, 0)
	p.SentEntries(2, 100, 0)
	p.Waits(0) // the lag was never measured
	if p.Ready() {
		t.Fatal("more is sent before what is on its way has arrived")
	}
	p.Accepted(2, 5*time.Millisecond)
	if !p.Ready() {
		t.Fatal("an empty window is closed")
	}
	p.SentEntries(3, 100, 5*time.Millisecond)
	if p.Ready() {
		t.Fatal("the append would not be alone")
	}
	p.Accepted(3, 8*time.Millisecond)
	_, flow := p.Window()
	p.SentEntries(4, 100, 8*time.Millisecond)
	p.Waits(9 * time.Second)
	if flow.Lag != 2*time.Millisecond || !p.Ready() {
		t.Fatalf("lag %v, want 2ms, and an open window", flow.Lag)
	}
	p.Waits(11 * time.Second)
	if p.Ready() {
		t.Fatal("it was not measured for ten seconds")
	}
	p.BackTo(2)
	p.Accepted(4, 11*time.Second)
	p.SentEntries(5, 100, 11*time.Second)
	if !p.Ready() {
		t.Fatal("a lost append must not keep the window closed")
	}
}

func TestNothingIsMeasuredOfAnUnknownPath(t *testing.T) {
	p := open(PathStats{})
	p.SentEntries(1, 100, 0)
	p.Waits(0)
	p.Accepted(1, time.Second)
	if window, flow := p.Window(); flow != (Flow{}) || window.Bytes != unmeasuredBytesMax || !p.Ready() {
		t.Fatalf("%+v %+v", window, flow)
	}
}

func TestAConnectionThatFallsTakesEverythingWithIt(t *testing.T) {
	p := open(near)
	p.SentEntries(1, 100, 0)
	p.SetPath(PathStats{})
	if p.State != Probe || p.Ready() {
		t.Fatalf("want a paused probe: %+v", p)
	}
	p.SetPath(PathStats{})
	if p.Beat(beat, stall); !p.Ready() {
		t.Fatal("not probed though a beat passed")
	}
}

func TestBeatKnowsWhatThePathExplains(t *testing.T) {
	p := open(PathStats{RTT: 30 * time.Millisecond, Up: true})
	p.SentEntries(1, 100, 0)
	p.Accepted(1, 30*time.Millisecond)
	p.SentEntries(2, 100, 70*time.Millisecond)
	if p.Beat(beat, stall) != Fine {
		t.Fatal("30 ms on a path of 30 ms are no reason to ask")
	}
	p = open(near)
	p.SentEntries(1, 100, 0)
	p.Accepted(1, time.Millisecond)
	p.SentEntries(2, 100, time.Millisecond)
	if p.Beat(beat, stall) != AskTail {
		t.Fatal("99 ms on a path of 1 ms are a reason, whatever was acknowledged before")
	}
}

// TestStalledFollowersGetOneAppendAtATime: they answer, and take nothing.
func TestStalledFollowersGetOneAppendAtATime(t *testing.T) {
	p := open(near)
	for i := range quorum.Index(3) {
		p.SentEntries(i+1, 100, 0)
	}
	if p.Beat(stall, stall) != AskTail {
		t.Fatal("it was silent all the time: it may be gone")
	}
	p.Heard = stall
	if p.Beat(stall, stall) != Stalled || p.State != Probe || !p.Ready() || p.Next != 1 {
		t.Fatalf("want a probe: %+v", p)
	}
	p.Accepted(0, stall)
	p.SentEntries(1, 100, stall)
	if p.Ready() {
		t.Fatal("a second append to a stalled follower")
	}
	p.Heard = 2 * stall
	if p.Beat(2*stall, stall) != Fine || p.State != Probe {
		t.Fatal("it is known to have stalled, and is probed again")
	}
	p.Accepted(0, 2*stall)
	p.SentEntries(1, 100, 2*stall)
	p.Accepted(1, 2*stall)
	p.SentEntries(2, 100, 2*stall)
	if !p.Ready() {
		t.Fatal("it moves again, and the window is closed")
	}
}
