package server

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
)

// TestLivesThatAreOver: what a node concludes from what another one knows of it, however
// old that is.
func TestLivesThatAreOver(t *testing.T) {
	for _, row := range []struct {
		what string
		info client.NodeInfo
		life uint32
		over bool
	}{
		{"it votes", client.NodeInfo{State: client.NodeVoter, Incarnation: 1, Lives: 1}, 1, false},
		{"it leaves", client.NodeInfo{State: client.NodeLeaving, Incarnation: 1, Lives: 1}, 1, false},
		{"it is removed", client.NodeInfo{State: client.NodeRemoved, Incarnation: 1, Lives: 1}, 1, true},
		{"its life before was removed", client.NodeInfo{State: client.NodeRemoved, Incarnation: 1, Lives: 1}, 2, false},
		{"it was added again", client.NodeInfo{State: client.NodeLearner, Incarnation: 0, Lives: 2}, 2, true},
		{"it was added, and its claim is not known yet", client.NodeInfo{State: client.NodeLearner, Incarnation: 0, Lives: 0}, 1, false},
		{"it lost its disk and is back", client.NodeInfo{State: client.NodeVoter, Incarnation: 2, Lives: 2}, 1, true},
	} {
		if got := row.info.Over(row.life); got != row.over {
			t.Errorf("%s: over is %v", row.what, got)
		}
	}
}

// TestANodeThatIsAloneAsksInVain: nobody answers, and the node goes on.
func TestANodeThatIsAloneAsksInVain(t *testing.T) {
	cfg := oneNode(t, "alone").WithDefaults()
	s, err := start(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	id, err := loadIdentity(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l := newLonely(s.node, cfg, id, slog.New(slog.DiscardHandler))
	if !l.alone() {
		t.Error("a node without peers has company")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if info, err := l.ask(ctx); err == nil {
		t.Errorf("nobody is there and says %+v", info)
	}
	l.others = []string{s.APIAddr()} // as another node would answer
	if info, err := l.ask(ctx); l.over(info) || err != nil || len(recordsOf(info)) != 1 {
		t.Errorf("its own record says %+v, %v", info, err)
	}
	if err := s.node.Cause(); err != nil {
		t.Errorf("the node ended: %v", err)
	}
}
