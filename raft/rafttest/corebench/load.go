package main

import (
	"encoding/binary"
	"fmt"
)

const (
	// batchEntries is how many commands a proposal has, and commandBytes how many
	// bytes each of them.
	batchEntries = 64
	commandBytes = 16
	// replicas is the size of a cluster; the first one leads.
	replicas = 3
	// ticksEvery is after how many batches virtual time passes.
	ticksEvery = 1000
	// retainedEntries is what a log keeps behind the last one; it is compacted to
	// that when it is twice as long.
	retainedEntries = 50_000
	// messageBytesMax, applyBytesMax, uncommittedBytesMax and inflightMessagesMax
	// bound both cores alike.
	messageBytesMax     = 1 << 20
	applyBytesMax       = 16 << 20
	uncommittedBytesMax = 64 << 20
	inflightMessagesMax = 256
)

// cluster is three replicas of which one leads.
type cluster interface {
	// propose gives the leader a batch and carries out what follows from it, until
	// no replica wants anything. The cluster keeps the commands.
	propose(commands [][]byte) error
	// tick lets a heartbeat's time pass.
	tick() error
	// machines returns what the replicas apply to.
	machines() *[replicas]machine
}

// machine is what a replica applies to: it counts commands and takes none twice
// and none out of turn.
type machine struct {
	index    uint64 // of the last entry
	commands uint64
}

// apply takes the entry at index. An entry without data is a leader's first.
func (m *machine) apply(index uint64, data []byte) error {
	if index != m.index+1 {
		return fmt.Errorf("corebench: apply: entry %d after %d", index, m.index)
	}
	m.index = index
	if len(data) == 0 {
		return nil
	}
	if number := binary.LittleEndian.Uint64(data); number != m.commands+1 {
		return fmt.Errorf("corebench: apply: command %d after %d", number, m.commands)
	}
	m.commands++
	return nil
}

// drive replicates batches through c, which is fresh, and checks that every
// replica applied every command.
func drive(c cluster, batches int) error {
	commands := make([][]byte, batchEntries)
	for i := range batches {
		block := make([]byte, batchEntries*commandBytes)
		for k := range commands {
			commands[k] = block[k*commandBytes : (k+1)*commandBytes : (k+1)*commandBytes]
			binary.LittleEndian.PutUint64(commands[k], uint64(i*batchEntries+k+1))
		}
		if err := c.propose(commands); err != nil {
			return err
		}
		if i%ticksEvery == ticksEvery-1 {
			if err := c.tick(); err != nil {
				return err
			}
		}
	}
	want := uint64(batches * batchEntries)
	for i, m := range c.machines() {
		if m.commands != want {
			return fmt.Errorf("corebench: replica %d applied %d commands, want %d", i+1, m.commands, want)
		}
	}
	return nil
}
