package node

import (
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// TestSilenceIsWhatANodeListenedFor: each look adds what lies behind the last one, a sign of
// life begins anew, and neither a halt of this process nor a peer that is new counts.
func TestSilenceIsWhatANodeListenedFor(t *testing.T) {
	link := func(up bool, reconnects uint64) []transport.LinkStats {
		return []transport.LinkStats{{Peer: 2, Up: up, Reconnects: reconnects}}
	}
	const day = 24 * time.Hour
	var a Absences
	for _, step := range []struct {
		what  string
		now   time.Duration
		links []transport.LinkStats
		want  time.Duration
		known bool
	}{
		{"first seen, late", day, link(false, 0), 0, true},
		{"a second later", day + time.Second, link(false, 0), time.Second, true},
		{"another one", day + 2*time.Second, link(false, 0), 2 * time.Second, true},
		{"halted for a day", 2 * day, link(false, 0), 2*time.Second + absencesGapMax, true},
		{"up", 2*day + time.Second, link(true, 0), 0, true},
		{"down again", 2*day + 2*time.Second, link(false, 0), time.Second, true},
		{"up and down between two looks", 2*day + 3*time.Second, link(false, 1), 0, true},
		{"no peer", 2*day + 4*time.Second, nil, 0, false},
		{"a peer again", 2*day + 5*time.Second, link(false, 1), 0, true},
		{"silent", 2*day + 6*time.Second, link(false, 1), time.Second, true},
	} {
		a.Look(step.links, step.now)
		if d, known := a.Silent(2); d != step.want || known != step.known {
			t.Errorf("%s: %v, %v; want %v, %v", step.what, d, known, step.want, step.known)
		}
	}
	if _, known := a.Silent(raft.NodeID(3)); known {
		t.Error("a stranger is known")
	}
}
