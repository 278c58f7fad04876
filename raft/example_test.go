package raft_test

import (
	"fmt"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// replica is what a driver keeps for one core. Disk and network take no time here.
type replica struct {
	core    *raft.Core
	effects raft.Effects
	log     []raft.Entry // the "disk": entry i is at log[i-1]
	machine string       // what was applied
}

// run carries out what the cores want until none wants anything.
func run(group []*replica) {
	for i, r := range group {
		for ; r.core.Pending(); run(group) { // anybody may have something to do after a step
			r.step(raft.NodeID(i+1), group)
		}
	}
}

// step is the heart of every driver: drain, write, send, apply, answer.
func (r *replica) step(from raft.NodeID, group []*replica) {
	r.core.Drain(&r.effects)
	send := func(e raft.Envelope) { _ = group[e.To-1].core.Receive(from, e.Message) }
	for _, e := range r.effects.SendNow {
		send(e)
	}
	for _, w := range r.effects.Writes {
		if w.Truncate {
			r.log = r.log[:w.TruncateAfter]
		}
		r.log = append(r.log, w.Entries...) // and sync, and keep w.HardState
		r.core.Persisted(w.ID)
	}
	for _, gated := range r.effects.SendAfter { // what they wait for is durable now
		send(gated.Envelope)
	}
	for _, a := range r.effects.Apply {
		for _, e := range r.log[a.First-1 : a.Last] {
			r.machine += string(e.Data)
		}
		r.core.Applied(a.Last)
	}
	for _, p := range r.effects.Results {
		fmt.Printf("proposal %d: %v at %d\n", p.ID, p.Outcome, p.Index)
	}
	for _, a := range r.effects.Reads {
		fmt.Printf("read %d: answer once %d is applied\n", a.ID, a.Index)
	}
}

// Three replicas in one process agree on a word.
func Example() {
	group := []*replica{}
	for id := raft.NodeID(1); id <= 3; id++ {
		begin := raft.Restored{Snapshot: raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3)}}
		core, err := raft.New(raft.Config{ID: id, Group: 1, Seed: uint64(id)}, begin, 0)
		if err != nil {
			panic(err)
		}
		group = append(group, &replica{core: core})
	}
	group[0].core.Campaign() // or Tick until an election timeout has passed
	run(group)
	group[0].core.Propose(raft.Proposal{ID: 1, Type: raft.EntryCommand, Data: []byte("wraft")})
	run(group)
	group[2].core.Read(raft.ReadRequest{ID: 1}) // a linearizable read at a follower
	run(group)
	fmt.Println(group[0].core.Status().Role, group[0].machine, group[1].machine, group[2].machine)
	// Output:
	// proposal 1: committed at 2
	// read 1: answer once 2 is applied
	// leader wraft wraft wraft
}
