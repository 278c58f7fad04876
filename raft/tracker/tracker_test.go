package tracker

import (
	"testing"

	"github.com/wraft/wraft/raft/quorum"
	"pgregory.net/rapid"
)

var wide = Limits{Appends: 4, Bytes: 100}

func TestOneProbeAtATime(t *testing.T) {
	p := New(2, 10, 0)
	if !p.Ready(wide) || p.Next != 11 {
		t.Fatalf("a fresh follower should be probed at 11: %+v", p)
	}
	p.SentEntries(12, 10)
	if p.Ready(wide) || p.Next != 11 {
		t.Fatalf("a second probe while one is on its way: %+v", p)
	}
	if p.Beat() || !p.Ready(wide) {
		t.Fatalf("a silent probe should be repeated after a beat: %+v", p)
	}
}

func TestRejectionMovesTheProbeBackAndStaleOnesDoNot(t *testing.T) {
	p := New(2, 10, 0)
	p.SentProbe()
	if p.Rejected(7, 3) {
		t.Fatal("a rejection of another append moved the probe")
	}
	if !p.Rejected(10, 4) || p.Next != 5 || !p.Ready(wide) {
		t.Fatalf("the probe should be at 5: %+v", p)
	}
	p.SentProbe()
	if p.Rejected(10, 2) {
		t.Fatal("a repeated rejection moved the probe twice")
	}
	if !p.Accepted(4) || p.State != Replicate || p.Next != 5 {
		t.Fatalf("an accepted probe should open the window at 5: %+v", p)
	}
	if p.Rejected(4, 1) {
		t.Fatal("a rejection at or below match moved a follower back")
	}
}

func TestWindowClosesByMessagesAndByBytes(t *testing.T) {
	p := New(2, 0, 0)
	p.Accepted(0)
	for i := range 4 {
		if !p.Ready(wide) {
			t.Fatalf("closed after %d appends", i)
		}
		p.SentEntries(quorum.Index(i+1), 10)
	}
	if p.Ready(wide) {
		t.Fatal("five appends on their way, four are allowed")
	}
	p.Accepted(3)
	if n, bytes := p.Inflight(); n != 1 || bytes != 10 || p.Idle() {
		t.Fatalf("%d appends with %d bytes left, want 1 with 10", n, bytes)
	}
	p.SentEntries(5, 95)
	if p.Ready(wide) {
		t.Fatal("105 bytes on their way, 100 are allowed")
	}
	p.Accepted(5)
	if !p.Ready(wide) || !p.Idle() {
		t.Fatal("an empty window is closed")
	}
}

func TestBeatAsksAfterASilentTail(t *testing.T) {
	p := New(2, 0, 0)
	p.Accepted(0)
	p.Beat()
	p.SentEntries(1, 10)
	if !p.Beat() {
		t.Fatal("nothing was acknowledged for a beat: the tail should be asked after")
	}
	p.SentEntries(2, 10)
	p.Accepted(1)
	if p.Beat() {
		t.Fatal("the follower moved; there is no reason to ask")
	}
	if !p.Beat() {
		t.Fatal("it stopped moving with an append on its way")
	}
}

func TestLossWaitsForABeat(t *testing.T) {
	p := New(2, 0, 0)
	p.Accepted(3)
	p.SentEntries(7, 10)
	p.Lost()
	if p.State != Probe || p.Next != 4 || p.Ready(wide) {
		t.Fatalf("want a paused probe at 4: %+v", p)
	}
	p.Beat()
	if !p.Ready(wide) {
		t.Fatal("still paused after a beat")
	}
	p.Fetching = true
	p.BackTo(2)
	if p.Next != 4 || !p.Fetching {
		t.Fatalf("never behind match, and a fetch is not forgotten: %+v", p)
	}
}

func TestStrings(t *testing.T) {
	if got := Probe.String() + " " + Replicate.String() + " " + State(7).String(); got != "probe replicate invalid" {
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
				w.Free(match)
				for len(list) > 0 && list[0].last <= match {
					list = list[1:]
				}
			case 1:
				if rapid.IntRange(0, 9).Draw(t, "reset") == 0 {
					w.Reset()
					list = nil
				}
			default:
				last += quorum.Index(rapid.IntRange(1, 3).Draw(t, "step"))
				bytes := rapid.Uint64Range(0, 99).Draw(t, "bytes")
				w.Add(last, bytes)
				list = append(list, sent{last, bytes})
			}
			total := uint64(0)
			for _, s := range list {
				total += s.bytes
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
		p := New(2, quorum.Index(rapid.Uint64Range(0, 20).Draw(t, "last")), 0)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			before := p.Match
			index := quorum.Index(rapid.Uint64Range(0, 30).Draw(t, "index"))
			switch rapid.IntRange(0, 5).Draw(t, "do") {
			case 0:
				p.Accepted(index)
			case 1:
				p.Rejected(index, quorum.Index(rapid.Uint64Range(0, uint64(index)).Draw(t, "agree")))
			case 2:
				p.Lost()
			case 3:
				p.Beat()
			default:
				if p.Ready(wide) {
					p.SentEntries(p.Next+index%3, rapid.Uint64Range(1, 40).Draw(t, "bytes"))
				}
			}
			n, bytes := p.Inflight()
			if p.Match < before || p.Match >= p.Next || n > wide.Appends || bytes >= wide.Bytes+40 {
				t.Fatalf("match %d -> %d, next %d, %d appends with %d bytes", before, p.Match, p.Next, n, bytes)
			}
		}
	})
}
