package raft_test

import (
	"fmt"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// replica is everything a driver keeps for one core. This one's disk and network
// take no time: a write is durable when it is asked for, and a message arrives
// when it is sent.
type replica struct {
	core    *raft.Core
	effects raft.Effects
	log     []raft.Entry // the "disk": entry i is at log[i-1]
	machine string       // what was applied
}

// run carries out effects until no replica has any.
func run(group map[raft.NodeID]*replica) {
	for busy := true; busy; {
		busy = false
		for id := raft.NodeID(1); id <= 3; id++ {
			if r := group[id]; r.core.Pending() {
				busy = true
				r.step(id, group)
			}
		}
	}
}

// step is the heart of every driver: drain, write, send, apply, answer.
func (r *replica) step(id raft.NodeID, group map[raft.NodeID]*replica) {
	r.core.Drain(&r.effects)
	send := func(e raft.Envelope) { _ = group[e.To].core.Receive(id, e.Message) }
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
	for _, result := range r.effects.Results {
		fmt.Printf("proposal %d: %v at %d\n", result.ID, result.Outcome, result.Index)
	}
	for _, read := range r.effects.Reads {
		fmt.Printf("read %d: answer once %d is applied\n", read.ID, read.Index)
	}
}

// Three replicas in one process agree on a word.
func Example() {
	group := map[raft.NodeID]*replica{}
	for id := raft.NodeID(1); id <= 3; id++ {
		first := raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3)}
		core, err := raft.New(raft.Config{ID: id, Group: 1, Seed: uint64(id)}, raft.Restored{Snapshot: first}, 0)
		if err != nil {
			panic(err)
		}
		group[id] = &replica{core: core}
	}
	group[1].core.Campaign() // or Tick until an election timeout has passed
	run(group)
	for i, letter := range "wraft" {
		group[1].core.Propose(raft.Proposal{
			ID: raft.ProposalID(i + 1), Type: raft.EntryCommand, Data: []byte(string(letter)),
		})
	}
	run(group)
	group[3].core.Read(raft.ReadRequest{ID: 1}) // a linearizable read at a follower
	run(group)
	for id := raft.NodeID(1); id <= 3; id++ {
		fmt.Println(id, group[id].core.Status().Role, group[id].machine)
	}
	// Output:
	// proposal 1: committed at 2
	// proposal 2: committed at 3
	// proposal 3: committed at 4
	// proposal 4: committed at 5
	// proposal 5: committed at 6
	// read 1: answer once 6 is applied
	// n1 leader wraft
	// n2 follower wraft
	// n3 follower wraft
}
