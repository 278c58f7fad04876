package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
)

// entryBytes is what one of our entries counts against a limit in bytes.
const entryBytes = commandBytes + 32

// wraftCluster is three of our cores.
type wraftCluster struct {
	cores     [replicas]*raft.Core // by ID, less one
	effects   [replicas]raft.Effects
	logs      [replicas]wraftLog
	applied   [replicas]machine
	proposals [batchEntries]raft.Proposal
	proposed  raft.ProposalID
	now       time.Duration
}

func newWraft() (cluster, error) {
	c := &wraftCluster{}
	for i := range c.cores {
		core, err := raft.New(
			raft.Config{
				ID: raft.NodeID(i + 1), Group: 1, Seed: uint64(i + 1),
				AppendBytesMax: messageBytesMax, ApplyBytesMax: applyBytesMax,
				UncommittedBytesMax: uncommittedBytesMax, InflightAppendsMax: inflightMessagesMax,
				CacheBytesMax: retainedEntries * entryBytes,
			},
			raft.Restored{Snapshot: raft.SnapshotMeta{Configuration: confchange.New(1, 2, 3)}}, 0,
		)
		if err != nil {
			return nil, err
		}
		c.cores[i] = core
	}
	c.cores[0].Campaign()
	if err := c.settle(); err != nil {
		return nil, err
	}
	if c.cores[0].Status().Role != raft.Leader {
		return nil, errors.New("corebench: wraft: the first replica does not lead")
	}
	return c, nil
}

func (c *wraftCluster) machines() *[replicas]machine { return &c.applied }

func (c *wraftCluster) propose(commands [][]byte) error {
	for k, data := range commands {
		c.proposed++
		c.proposals[k] = raft.Proposal{ID: c.proposed, Type: raft.EntryCommand, Data: data}
	}
	c.cores[0].Propose(c.proposals[:len(commands)]...)
	return c.settle()
}

func (c *wraftCluster) tick() error {
	c.now += 100 * time.Millisecond
	for _, core := range c.cores {
		core.Tick(c.now)
	}
	return c.settle()
}

// settle carries out effects until no core has any.
func (c *wraftCluster) settle() error {
	for busy := true; busy; {
		busy = false
		for i, core := range c.cores {
			if core.Pending() {
				busy = true
				if err := c.step(i); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// step carries out what replica i wants done.
func (c *wraftCluster) step(i int) error {
	core, fx, log := c.cores[i], &c.effects[i], &c.logs[i]
	core.Drain(fx)
	for _, e := range fx.SendNow {
		if err := c.deliver(i, e); err != nil {
			return err
		}
	}
	for k := range fx.Writes {
		if err := log.write(&fx.Writes[k]); err != nil {
			return err
		}
		core.Persisted(fx.Writes[k].ID)
	}
	for _, e := range fx.SendAfter {
		if err := c.deliver(i, e.Envelope); err != nil {
			return err
		}
	}
	if len(fx.Fetches) > 0 {
		return errors.New("corebench: wraft: asked for entries again though nobody lags")
	}
	for _, r := range fx.Apply {
		if err := c.apply(i, r); err != nil {
			return err
		}
	}
	return nil
}

func (c *wraftCluster) deliver(from int, e raft.Envelope) error {
	return c.cores[e.To-1].Receive(raft.NodeID(from+1), e.Message)
}

func (c *wraftCluster) apply(i int, r raft.ApplyRange) error {
	for k := range r.Entries {
		e := &r.Entries[k]
		if err := c.applied[i].apply(uint64(e.Index), e.Data); err != nil {
			return fmt.Errorf("replica %d: %w", i+1, err)
		}
	}
	c.cores[i].Applied(r.Last)
	c.logs[i].compact(r.Last)
	return nil
}
