package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

func describeActions(actions []DeployAction) string {
	text := ""
	for _, a := range actions {
		switch {
		case a.CreateGroup != nil:
			text += fmt.Sprintf("create %d; ", a.CreateGroup.Group)
		case a.FetchModule != nil:
			text += fmt.Sprintf("fetch %x from %v; ", a.FetchModule.Module[:1], a.FetchModule.Peers)
		case a.OpenMachine != nil:
			text += fmt.Sprintf("open %d; ", a.OpenMachine.Group)
		case a.RemoveGroup != nil:
			text += fmt.Sprintf("remove %d; ", a.RemoveGroup.Group)
		}
	}
	return text
}

// TestDeployer walks two machines of one module through a node: one fetch serves
// both, a failed fetch is tried again later, a failed open is final.
func TestDeployer(t *testing.T) {
	d := NewDeployer(2, 0, 0)
	d.Current()
	voters := testSeats(1, 2, 3)
	catalogue := &Catalogue{Machines: []MachineRecord{
		{Name: "a", Group: 2, Run: MachineRun{Module: Digest{0xbb}, Artefact: Digest{0xaa}}, Seats: voters},
		{Name: "b", Group: 3, Run: MachineRun{Module: Digest{0xbb}, Artefact: Digest{0xaa}}, Seats: voters},
	}}
	expect := func(want string) {
		t.Helper()
		if got := describeActions(d.Next()); got != want {
			t.Fatalf("actions are %q, want %q", got, want)
		}
	}
	d.Observe(catalogue)
	expect("create 2; create 3; ")
	expect("")
	d.GroupCreated(2, nil)
	d.GroupCreated(3, nil)
	expect("fetch aa from [n3 n1]; ")
	expect("")
	d.FetchFailed(Digest{0xaa}, errors.New("nobody has it"))
	expect("")
	if s := d.States()[2]; s.Phase != PhaseModule || s.Cause == nil {
		t.Errorf("after a failed fetch the state is %+v", s)
	}
	at, ok := d.NextDeadline()
	if !ok || at <= 0 || at > fetchRetryMax {
		t.Fatalf("the next try is at %v (%v)", at, ok)
	}
	d.Tick(at)
	expect("fetch aa from [n3 n1]; ")
	before := d.Changes()
	d.ModuleStored(Digest{0xaa})
	expect("fetch bb from [n3 n1]; ")
	d.ModuleStored(Digest{0xbb})
	expect("open 2; open 3; ")
	if d.Changes() == before {
		t.Error("opening did not count as a change")
	}
	d.MachineOpened(2, nil)
	d.MachineOpened(3, errors.New("no memory"))
	expect("")
	d.Observe(catalogue)
	d.Tick(time.Hour)
	expect("")
	if s := d.States(); s[2].Phase != PhaseRunning || s[3].Phase != PhaseFailed || s[3].Cause == nil {
		t.Errorf("the states are %+v", s)
	}
	d.Stopped(2, errors.New("trapped"))
	if s := d.States()[2]; s.Phase != PhaseFailed {
		t.Errorf("a stopped machine is %v", s.Phase)
	}
	wrong := errors.New("its state is wrong")
	d.Reopen(2, wrong)
	if s := d.States()[2]; s.Phase != PhaseModule || s.Cause != wrong {
		t.Errorf("a machine to be reopened is %+v", s)
	}
	d.Reopen(99, wrong) // not here
	expect("open 2; ")
	d.MachineOpened(2, nil)
	if s := d.States()[2]; s.Phase != PhaseRunning || s.Cause != nil {
		t.Errorf("a reopened machine is %+v", s)
	}
}

// TestDeployerAsksThoseOfToday: who had a replica when the catalogue was first seen may be gone.
func TestDeployerAsksThoseOfToday(t *testing.T) {
	d := NewDeployer(2, 0, 0)
	d.Current()
	m := MachineRecord{Name: "a", Group: 2, Run: MachineRun{Module: Digest{0xbb}, Artefact: Digest{0xaa}}, Seats: testSeats(1, 2, 3)}
	d.Observe(&Catalogue{Machines: []MachineRecord{m}})
	d.Next()
	m.Seats = testSeats(2, 4)
	d.Observe(&Catalogue{Index: 1, Machines: []MachineRecord{m}})
	d.GroupCreated(2, nil)
	if got := describeActions(d.Next()); got != "fetch aa from [n4]; " {
		t.Errorf("the actions are %q", got)
	}
}

// TestDeployerBehindAnUpgrade: what a machine was created with is fetched only as long as it
// runs that. Behind an upgrade the replica is opened, and gets what its own log begins with.
func TestDeployerBehindAnUpgrade(t *testing.T) {
	d := NewDeployer(2, 0, 0)
	d.Current()
	m := MachineRecord{Name: "a", Group: 2, Run: MachineRun{Module: Digest{0xbb}, Artefact: Digest{0xaa}}, Seats: testSeats(1, 2, 3)}
	m.Active.Run = m.Run
	d.Observe(&Catalogue{Machines: []MachineRecord{m}})
	d.Next()
	d.GroupCreated(2, nil)
	if got := describeActions(d.Next()); got != "fetch aa from [n3 n1]; " {
		t.Fatalf("actions are %q", got)
	}
	m.Active = ActiveRun{Run: MachineRun{Module: Digest{0xdd}, Artefact: Digest{0xcc}}, Since: 7}
	d.Observe(&Catalogue{Index: 1, Machines: []MachineRecord{m}})
	d.FetchFailed(Digest{0xaa}, errors.New("nobody has it"))
	if got := describeActions(d.Next()); got != "open 2; " {
		t.Errorf("behind the upgrade the actions are %q", got)
	}
}

// TestMachinesWithoutRoomHaltHere: when this node has less memory than the cluster
// believes, the younger machines have no instance here, and say why.
func TestMachinesWithoutRoomHaltHere(t *testing.T) {
	d := NewDeployer(2, 0, 500*mib)
	record := func(name string, g raft.GroupID, memory uint64) MachineRecord {
		run := testRun(1, memory)
		return MachineRecord{Name: name, Group: g, Run: run, Active: ActiveRun{Run: run}, Seats: testSeats(1, 2, 3)}
	}
	d.Observe(&Catalogue{Machines: []MachineRecord{record("a", 4, 50*mib), record("b", 3, 150*mib), record("c", 2, 150*mib)}})
	d.ModuleStored(Digest{1})
	d.ModuleStored(Digest{1, 1})
	for g := raft.GroupID(2); g <= 4; g++ {
		d.GroupCreated(g, nil)
	}
	if got := describeActions(d.Next()); got != "open 2; open 4; " {
		t.Errorf("actions are %q: the machine of group 3 has no room", got)
	}
	var missing *MemoryError
	if s := d.States()[3]; s.Phase != PhaseFailed || !errors.As(s.Cause, &missing) || missing.Missing() != 100*mib || missing.Node != 2 {
		t.Errorf("group 3 is %+v", s)
	}
	d.Tick(time.Hour)
	if got := describeActions(d.Next()); got != "" {
		t.Errorf("it was tried again: %q", got)
	}
}
