package nodetest

import (
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

// stage is a simulation that a test steps through: it lets events happen until
// something is so, and then lets something else happen.
type stage struct {
	*Sim
	t *testing.T
}

// newStage is a world without random faults in which the ledger runs everywhere and
// clients keep it busy.
func newStage(t *testing.T, seed uint64) stage {
	s := stage{newSim(Config{Seed: seed, Operations: 150}.withDefaults()), t}
	for _, id := range s.ids() {
		s.boot(id)
	}
	s.startClients()
	s.until("the ledger runs everywhere", func() bool { return s.everywhere(func(a *node.Applier) bool { return a.Applied() > 20 }) })
	return s
}

// until steps until ok holds; a minute of virtual time is too long.
func (s stage) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := s.now() + time.Minute; !ok(); {
		if len(s.result.Violations) > 0 || s.now() > deadline || !s.events.step() {
			s.t.Fatalf("waiting until %s: %v; %s", what, s.result.Violations, s.describe())
		}
	}
}

// applier is the ledger's on a node, nil while it is not open.
func (s stage) applier(id raft.NodeID) *node.Applier {
	if n := s.nodes[id]; n != nil && s.group != 0 && n.groups[s.group] != nil {
		return n.groups[s.group].applier
	}
	return nil
}

func (s stage) everywhere(ok func(*node.Applier) bool) bool {
	for _, id := range s.ids() {
		if a := s.applier(id); a == nil || !ok(a) {
			return false
		}
	}
	return true
}

// leader leads a group by its own word.
func (s stage) leader(g raft.GroupID) *simNode {
	for _, id := range s.ids() {
		if n := s.nodes[id]; n != nil && n.shard.Status(g).Role == raft.Leader {
			return n
		}
	}
	return nil
}

// record is the ledger's in the newest catalogue of any node.
func (s stage) record() node.MachineRecord {
	var newest node.Catalogue
	for _, id := range s.ids() {
		if n := s.nodes[id]; n != nil && n.catalogue.Index >= newest.Index {
			newest = *n.catalogue
		}
	}
	m, _ := newest.Machine("ledger")
	return m
}

// settle lets the clients finish and judges the run.
func (s stage) settle() {
	s.t.Helper()
	s.until("everything is done", s.finished)
	s.conclude()
	for _, v := range s.result.Violations {
		s.t.Error(v)
	}
	if want := s.cfg.Clients * s.cfg.Operations; len(s.history) != want {
		s.t.Errorf("%d commands were acknowledged, want %d", len(s.history), want)
	}
}

var second, trapping = node.Digest{2}, node.Digest{5}

// TestUpgradeCrashOfTheProposer cuts the leader's power right after it has put the
// order into its own log: whether that order survives or the next leader gives
// another one, the upgrade takes place once.
func TestUpgradeCrashOfTheProposer(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		s := newStage(t, seed)
		s.askUpgrade(second, 0)
		s.until("an order is proposed", func() bool { return s.result.Orders == 1 })
		old := s.leader(s.group)
		last := old.shard.Status(s.group).LastIndex
		s.until("it is in the leader's log", func() bool { return old.shard.Status(s.group).LastIndex > last })
		s.crash(old.id)
		s.until("another one leads", func() bool { n := s.leader(s.group); return n != nil && n != old })
		s.boot(old.id)
		s.until("it is done", func() bool { return len(s.record().History) == 1 })
		s.settle()
		if s.result.Upgrades != 1 {
			t.Errorf("seed %d: %d upgrades took place", seed, s.result.Upgrades)
		}
	}
}

// TestUpgradeCrashBeforeTheReport cuts the leader's power when it has switched and
// not reported: the next leader orders again, the log obeys once and answers with
// the old outcome, which is then reported.
func TestUpgradeCrashBeforeTheReport(t *testing.T) {
	repeats := 0
	for seed := uint64(1); seed <= 12; seed++ {
		s := newStage(t, seed)
		s.askUpgrade(second, 0)
		var old *simNode
		s.until("the leader has switched", func() bool {
			old = s.leader(s.group)
			return old != nil && s.applier(old.id).Running().Run.Module == second
		})
		index := s.applier(old.id).Running().Since
		if s.record().Pending == nil {
			t.Fatalf("seed %d: the outcome is known before it was reported", seed)
		}
		for _, id := range s.ids() {
			s.cut(0, 100*time.Millisecond, old.id, id) // what it has sent is lost
		}
		s.crash(old.id)
		s.until("it is done", func() bool { return len(s.record().History) == 1 })
		if got := s.record().History[0].Index; got != index {
			t.Errorf("seed %d: switched at %d, reported at %d", seed, index, got)
		}
		s.boot(old.id)
		s.settle()
		repeats += s.result.Orders - 1
	}
	if repeats < 12 {
		t.Errorf("the order was repeated %d times in 12 runs", repeats)
	}
}

// TestUpgradeOrderedTwice puts the same order into the log again and again: it has
// no effect, also after a restart.
func TestUpgradeOrderedTwice(t *testing.T) {
	s := newStage(t, 3)
	s.askUpgrade(second, 0)
	s.until("it is done", func() bool { return len(s.record().History) == 1 })
	u := s.record().History[0]
	repeat := func() {
		c, err := node.UpgradeCommand(node.UpgradeOrder{ID: u.ID, From: u.From, To: u.To})
		if err != nil {
			t.Fatal(err)
		}
		answered := false
		n := s.leader(s.group)
		n.ask(n.id, s.group, c, func(a node.Answer, err error) {
			answered = err == nil
			if o, err := node.DecodeUpgradeOutcome(a.Data); answered && (err != nil || o.Index != u.Index || o.Status != 0) {
				t.Errorf("a repeated order is answered with %+v, %v", o, err)
			}
		})
		s.until("the repeat is answered", func() bool { return answered })
	}
	repeat()
	repeat()
	for _, id := range s.ids() {
		s.crash(id)
	}
	for _, id := range s.ids() {
		s.boot(id)
	}
	s.until("somebody leads and has replayed", func() bool {
		n := s.leader(s.group)
		return n != nil && s.applier(n.id) != nil && s.applier(n.id).Running().Since == u.Index
	})
	repeat()
	s.settle()
	if s.result.Upgrades != 1 {
		t.Errorf("%d upgrades took place", s.result.Upgrades)
	}
}

// TestUpgradeRefusedByRestore: version 1 serves everywhere, and every replica and
// the history give the same reason.
func TestUpgradeRefusedByRestore(t *testing.T) {
	s := newStage(t, 4)
	s.askUpgrade(trapping, 0)
	s.until("it is decided", func() bool { return len(s.record().History) == 1 })
	s.settle()
	if s.result.Refused != 1 || s.result.Upgrades != 0 {
		t.Errorf("%d upgrades were refused, %d took place", s.result.Refused, s.result.Upgrades)
	}
	reason := s.record().History[0].Reason
	if !strings.Contains(reason, "wraft_restore: unreachable, from version 1") {
		t.Errorf("the reason is %q", reason)
	}
	if !s.everywhere(func(a *node.Applier) bool {
		return a.LastUpgrade().Reason == reason && a.Running().Run.Module == firstModule
	}) {
		t.Error("a replica remembers another reason, or runs another module")
	}
}

// TestUpgradeWithoutTheModule keeps a replica away during an upgrade and takes the
// module from its disk: it replays up to the entry, waits, fetches, and loses nothing.
func TestUpgradeWithoutTheModule(t *testing.T) {
	s := newStage(t, 5)
	away := raft.NodeID(1)
	if s.leader(s.group).id == away {
		away = 2
	}
	s.crash(away)
	s.askUpgrade(second, 0)
	s.until("it is done", func() bool { return len(s.record().History) == 1 })
	delete(s.mods[away], second)
	for _, id := range s.ids() {
		s.cut(0, 3*time.Second, away, id) // it hears of the entry, and can fetch nothing
	}
	s.events.after(time.Millisecond, func() {}) // lets the cuts begin
	s.events.step()
	s.boot(away)
	before := s.result.Waits
	s.until("it waits for the module", func() bool { return s.result.Waits > before })
	if s.applier(away).Running().Run.Module != firstModule {
		t.Error("the replica runs a module that it does not have")
	}
	s.until("it has caught up", func() bool { return s.applier(away).Running().Run.Module == second })
	s.settle()
}
