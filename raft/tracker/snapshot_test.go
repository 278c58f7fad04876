package tracker

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wraft/wraft/raft/quorum"
)

func TestASnapshotStopsAppendsUntilItIsAcknowledged(t *testing.T) {
	p := New(2, 10, 0, wide)
	p.Accepted(3, 0)
	p.SentEntries(7, 10, 0)
	p.NeedSnapshot()
	if p.Ready() || !p.MayOffer() || p.State != Snapshot {
		t.Fatalf("%+v", p)
	}
	p.Offered(20)
	if p.MayOffer() || p.Rejected(7, 5) || !p.Catching() {
		t.Fatalf("%+v", p)
	}
	if p.Accepted(7, 0); p.State != Snapshot || p.Match != 7 {
		t.Fatalf("a late acknowledgement is not the snapshot's: %+v", p)
	}
	p.Lost()
	if p.Beat(0, time.Second); !p.MayOffer() {
		t.Fatal("an offer without an answer is repeated")
	}
	if p.Accepted(21, 0); p.State != Replicate || p.Next != 22 || p.Catching() || !p.Ready() {
		t.Fatalf("%+v", p)
	}
}

func TestAfterASnapshotComesAProbeBehindIt(t *testing.T) {
	p := New(2, 10, 0, wide)
	p.NeedSnapshot()
	p.Offered(8)
	p.SnapshotSent()
	if p.State != Probe || p.Next != 9 || p.Ready() || !p.Catching() {
		t.Fatalf("%+v", p)
	}
	if p.Beat(0, time.Second); !p.Ready() {
		t.Fatal("it is not probed")
	}
}

func TestThePauseAfterFailuresIsBounded(t *testing.T) {
	p := New(2, 10, 0, wide)
	p.NeedSnapshot()
	for range 100 {
		p.Offered(8)
		p.SnapshotFailed()
		beats := 0
		for ; !p.MayOffer(); beats++ {
			p.Beat(0, time.Second)
		}
		if beats > pauseBeatsMax+1 {
			t.Fatalf("%d heartbeats after %d failures", beats, p.Failures)
		}
	}
	p.Offered(8)
	if p.Accepted(8, 0); p.Failures != 0 {
		t.Error("success does not count")
	}
}

// TestSnapshotsKeepTheInvariant is TestProgressKeepsItsInvariant with snapshots.
func TestSnapshotsKeepTheInvariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New(2, 5, 0, wide)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			before := p.Match
			index := quorum.Index(rapid.Uint64Range(0, 30).Draw(t, "index"))
			switch rapid.IntRange(0, 8).Draw(t, "do") {
			case 0:
				p.Accepted(index, 0)
			case 1:
				p.Rejected(index, index/2)
			case 2:
				p.Lost()
			case 3:
				p.NeedSnapshot()
			case 4:
				if p.MayOffer() {
					p.Offered(max(index, p.Match+1))
				}
			case 5:
				if p.State == Snapshot {
					p.SnapshotSent()
				}
			case 6:
				if p.State == Snapshot {
					p.SnapshotFailed()
				}
			default:
				p.Beat(0, time.Second)
			}
			if p.Match < before || p.Match >= p.Next || p.State == Snapshot && p.Ready() {
				t.Fatalf("match %d -> %+v", before, p)
			}
		}
	})
}
