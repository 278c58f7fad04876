package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/raft"
)

// runNamed is a run of a module that a letter names.
func runNamed(c byte) MachineRun { return MachineRun{Module: Digest{c}, Artefact: Digest{c, 1}} }

// describeNames is each module once, ascending.
func describeNames(names []NamedRun) string {
	var out []string
	for _, n := range names {
		out = append(out, string(n.Run.Module[:1]))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "")
}

// upgraded is a machine that went from a to b at 10, was refused c at 20, went to d at 30
// and to e at 40, and is about to go to f.
func upgraded() MachineRecord {
	step := func(from, to byte, index raft.Index, s UpgradeState) UpgradeRecord {
		return UpgradeRecord{From: runNamed(from), To: runNamed(to), Index: index, State: s}
	}
	pending := step('e', 'f', 0, UpgradePending)
	return MachineRecord{
		Run: runNamed('a'), Active: ActiveRun{Run: runNamed('e'), Since: 40}, Previous: &ActiveRun{Run: runNamed('d'), Since: 30}, Pending: &pending,
		History: []UpgradeRecord{step('a', 'b', 10, UpgradeDone), step('b', 'c', 20, UpgradeRefused), step('b', 'd', 30, UpgradeDone), step('d', 'e', 40, UpgradeDone)},
	}
}

// TestNames: the further back a replica may begin, the more it names. What was refused
// behind that is named too: a replay has to be refused alike.
func TestNames(t *testing.T) {
	m := upgraded()
	for floor, want := range map[raft.Index]string{0: "abcdef", 9: "abcdef", 10: "bcdef", 19: "bcdef", 20: "bdef", 29: "bdef", 30: "def", 39: "def", 40: "def", 99: "def"} {
		names, known := m.Names(&ReplicaReach{Floor: floor})
		if got := describeNames(names); got != want || !known {
			t.Errorf("behind %d: %s (%v), want %s", floor, got, known, want)
		}
	}
	if names, known := m.Names(nil); describeNames(names) != "def" || !known {
		t.Errorf("without a replica: %s (%v)", describeNames(names), known)
	}
	if names, _ := m.Names(&ReplicaReach{Floor: 99, Running: runNamed('x')}); describeNames(names) != "defx" {
		t.Errorf("a replica that is ahead of the catalogue: %s", describeNames(names))
	}
	m = MachineRecord{Run: runNamed('a'), Active: ActiveRun{Run: runNamed('a')}}
	if names, known := m.Names(&ReplicaReach{}); describeNames(names) != "a" || !known {
		t.Errorf("a new machine: %s (%v)", describeNames(names), known)
	}
}

// TestNamesBehindABoundedHistory: where upgrades have gone from the history that a replica
// may meet again, nobody can tell what is named.
func TestNamesBehindABoundedHistory(t *testing.T) {
	m := upgraded()
	for i := len(m.History); i < UpgradeHistoryMax; i++ {
		m.History = append(m.History, UpgradeRecord{From: runNamed('e'), To: runNamed('e'), Index: raft.Index(10 + 10*i), State: UpgradeRefused})
	}
	for floor, want := range map[raft.Index]bool{0: false, 9: false, 10: true, 30: true, 5000: true} {
		if _, known := m.Names(&ReplicaReach{Floor: floor}); known != want {
			t.Errorf("behind %d: %v", floor, known)
		}
	}
	m.History = m.History[1:]
	if _, known := m.Names(&ReplicaReach{}); !known {
		t.Errorf("a history of %d is not full", len(m.History))
	}
}
