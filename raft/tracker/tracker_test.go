package tracker

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft/quorum"
	"pgregory.net/rapid"
)

var wide = Limits{Appends: 4, Bytes: 100}

const (
	beat  = 100 * time.Millisecond
	stall = time.Second
)

func TestOneProbeAtATime(t *testing.T) {
	p := New(2, 10, 0, wide)
	if !p.Ready() || p.Next != 11 {
		t.Fatalf("a fresh follower should be probed at 11: %+v", p)
	}
	p.SentEntries(12, 10, 0)
	if p.Ready() || p.Next != 11 {
		t.Fatalf("a second probe while one is on its way: %+v", p)
	}
	if p.Beat(beat, stall) != Fine || !p.Ready() {
		t.Fatalf("a silent probe should be repeated after a beat: %+v", p)
	}
}

func TestRejectionMovesTheProbeBackAndStaleOnesDoNot(t *testing.T) {
	p := New(2, 10, 0, wide)
	p.SentProbe()
	if p.Rejected(7, 3) {
		t.Fatal("a rejection of another append moved the probe")
	}
	if !p.Rejected(10, 4) || p.Next != 5 || !p.Ready() {
		t.Fatalf("the probe should be at 5: %+v", p)
	}
	p.SentProbe()
	if p.Rejected(10, 2) {
		t.Fatal("a repeated rejection moved the probe twice")
	}
	if !p.Accepted(4, 0) || p.State != Replicate || p.Next != 5 {
		t.Fatalf("an accepted probe should open the window at 5: %+v", p)
	}
	if p.Rejected(4, 1) {
		t.Fatal("a rejection at or below match moved a follower back")
	}
}

func TestWindowClosesByMessagesAndByBytes(t *testing.T) {
	p := New(2, 0, 0, wide)
	p.Accepted(0, 0)
	for i := range 4 {
		if !p.Ready() {
			t.Fatalf("closed after %d appends", i)
		}
		p.SentEntries(quorum.Index(i+1), 10, 0)
	}
	if p.Ready() {
		t.Fatal("five appends on their way, four are allowed")
	}
	p.Accepted(3, 0)
	if n, bytes := p.Inflight(); n != 1 || bytes != 10 || p.Idle() {
		t.Fatalf("%d appends with %d bytes left, want 1 with 10", n, bytes)
	}
	p.SentEntries(5, 95, 0)
	if p.Ready() {
		t.Fatal("105 bytes on their way, 100 are allowed")
	}
	p.Accepted(5, 0)
	if !p.Ready() || !p.Idle() {
		t.Fatal("an empty window is closed")
	}
}

func TestBeatAsksAfterASilentTail(t *testing.T) {
	p := New(2, 0, 0, wide)
	p.Accepted(0, 0)
	p.Beat(beat, stall)
	p.SentEntries(1, 10, 0)
	if p.Beat(beat, stall) != AskTail {
		t.Fatal("nothing was acknowledged for a beat: the tail should be asked after")
	}
	p.SentEntries(2, 10, 0)
	p.Accepted(1, 0)
	if p.Beat(beat, stall) != Fine {
		t.Fatal("the follower moved; there is no reason to ask")
	}
	if p.Beat(beat, stall) != AskTail {
		t.Fatal("it stopped moving with an append on its way")
	}
}

func TestLossWaitsForABeat(t *testing.T) {
	p := New(2, 0, 0, wide)
	p.Accepted(3, 0)
	p.SentEntries(7, 10, 0)
	p.Lost()
	if p.State != Probe || p.Next != 4 || p.Ready() {
		t.Fatalf("want a paused probe at 4: %+v", p)
	}
	p.Beat(beat, stall)
	if !p.Ready() {
		t.Fatal("still paused after a beat")
	}
	p.Fetching = true
	p.BackTo(2)
	if p.Next != 4 || !p.Fetching {
		t.Fatalf("never behind match, and a fetch is not forgotten: %+v", p)
	}
}

func TestStrings(t *testing.T) {
	if got := Probe.String() + " " + Replicate.String() + " " + Snapshot.String() + " " + State(7).String(); got != "probe replicate snapshot invalid" {
		t.Error(got)
	}
}

// TestWindowAgainstAList compares the ring with a plain list.
func TestWindowAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Window
		var list []sent
		last := quorum.Index(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "do") {
			case 0:
				match := quorum.Index(rapid.Uint64Range(0, uint64(last)).Draw(t, "match"))
				var want freed
				for len(list) > 0 && list[0].last <= match {
					want = freed{want.appends + 1, want.bytes + list[0].bytes, list[0]}
					list = list[1:]
				}
				if got := w.Free(match); got != want {
					t.Fatalf("freed %+v, want %+v", got, want)
				}
			case 1:
				if rapid.IntRange(0, 9).Draw(t, "reset") == 0 {
					w.Reset()
					list = nil
				}
			default:
				last += quorum.Index(rapid.IntRange(1, 3).Draw(t, "step"))
				bytes := rapid.Uint64Range(0, 99).Draw(t, "bytes")
				at := time.Duration(last)
				list = append(list, sent{last, bytes, at, len(list) == 0})
				w.Add(last, bytes, at)
			}
			total := uint64(0)
			for _, s := range list {
				total += s.bytes
			}
			if at, any := w.Oldest(); any != (len(list) > 0) || any && at != list[0].at {
				t.Fatalf("the oldest is of %v, the list has %v", at, list)
			}
			if w.Len() != len(list) || w.Bytes() != total {
				t.Fatalf("window %d/%d, list %d/%d", w.Len(), w.Bytes(), len(list), total)
			}
		}
	})
}

// TestProgressKeepsItsInvariant drives a progress with anything and checks that
// match stays below next and never goes back, and that the limits hold.
func TestProgressKeepsItsInvariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New(2, quorum.Index(rapid.Uint64Range(0, 20).Draw(t, "last")), 0, wide)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			before := p.Match
			index := quorum.Index(rapid.Uint64Range(0, 30).Draw(t, "index"))
			switch rapid.IntRange(0, 5).Draw(t, "do") {
			case 0:
				p.Accepted(index, 0)
			case 1:
				p.Rejected(index, quorum.Index(rapid.Uint64Range(0, uint64(index)).Draw(t, "agree")))
			case 2:
				p.Lost()
			case 3:
				p.Beat(beat, stall)
			default:
				if p.Ready() {
					p.SentEntries(p.Next+index%3, rapid.Uint64Range(1, 40).Draw(t, "bytes"), 0)
				}
			}
			n, bytes := p.Inflight()
			if p.Match < before || p.Match >= p.Next || n > wide.Appends || bytes >= wide.Bytes+40 {
				t.Fatalf("match %d -> %d, next %d, %d appends with %d bytes", before, p.Match, p.Next, n, bytes)
			}
		}
	})
}
