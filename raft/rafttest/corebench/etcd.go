package main

import (
	"errors"
	"fmt"
	"io"
	"log"

	etcd "go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// etcdCluster is three of etcd's RawNodes.
type etcdCluster struct {
	nodes   [replicas]*etcd.RawNode // by ID, less one
	logs    [replicas]*etcd.MemoryStorage
	applied [replicas]machine
	first   [replicas]uint64 // of the log
	async   bool
}

// newEtcdReady is driven by the Ready loop, newEtcdAsync by messages to the
// threads that write and apply, here calls.
func newEtcdReady() (cluster, error) { return newEtcd(false) }
func newEtcdAsync() (cluster, error) { return newEtcd(true) }

func newEtcd(async bool) (cluster, error) {
	c := &etcdCluster{async: async}
	for i := range c.nodes {
		if err := c.start(i); err != nil {
			return nil, err
		}
	}
	if err := c.nodes[0].Campaign(); err != nil {
		return nil, err
	}
	if err := c.settle(); err != nil {
		return nil, err
	}
	if c.nodes[0].BasicStatus().RaftState != etcd.StateLeader {
		return nil, errors.New("corebench: etcd: the first replica does not lead")
	}
	return c, nil
}

// start makes replica i from a snapshot at index 1, as RawNode recommends.
func (c *etcdCluster) start(i int) error {
	storage := etcd.NewMemoryStorage()
	err := storage.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}}, Index: new(uint64(1)), Term: new(uint64(1)),
	}})
	if err != nil {
		return err
	}
	node, err := etcd.NewRawNode(&etcd.Config{
		ID: uint64(i + 1), Storage: storage, Applied: 1, AsyncStorageWrites: c.async,
		ElectionTick: 10, HeartbeatTick: 1, PreVote: true, CheckQuorum: true,
		MaxSizePerMsg: messageBytesMax, MaxCommittedSizePerReady: applyBytesMax,
		MaxUncommittedEntriesSize: uncommittedBytesMax, MaxInflightMsgs: inflightMessagesMax,
		Logger: &etcd.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	})
	if err != nil {
		return err
	}
	c.nodes[i], c.logs[i] = node, storage
	c.applied[i].index, c.first[i] = 1, 2
	return nil
}

func (c *etcdCluster) machines() *[replicas]machine { return &c.applied }

func (c *etcdCluster) propose(commands [][]byte) error {
	block := make([]raftpb.Entry, len(commands))
	entries := make([]*raftpb.Entry, len(commands))
	for k, data := range commands {
		block[k].Data = data
		entries[k] = &block[k]
	}
	err := c.nodes[0].Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(uint64(1)), Entries: entries})
	if err != nil {
		return err
	}
	return c.settle()
}

func (c *etcdCluster) tick() error {
	for _, node := range c.nodes {
		node.Tick()
	}
	return c.settle()
}

// settle handles Readys until no node has any.
func (c *etcdCluster) settle() error {
	handle := c.ready
	if c.async {
		handle = c.readyAsync
	}
	for busy := true; busy; {
		busy = false
		for i, node := range c.nodes {
			if node.HasReady() {
				busy = true
				if err := handle(i); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// ready handles one Ready of replica i in the order of the documentation: write,
// send, apply, advance.
func (c *etcdCluster) ready(i int) error {
	rd := c.nodes[i].Ready()
	if err := c.write(i, rd.Entries, rd.HardState); err != nil {
		return err
	}
	for _, m := range rd.Messages {
		if err := c.nodes[m.GetTo()-1].Step(m); err != nil {
			return err
		}
	}
	if err := c.apply(i, rd.CommittedEntries); err != nil {
		return err
	}
	c.nodes[i].Advance(rd)
	return nil
}

// readyAsync handles one Ready of replica i whose writes are messages.
func (c *etcdCluster) readyAsync(i int) error {
	for _, m := range c.nodes[i].Ready().Messages {
		var err error
		switch m.GetTo() {
		case etcd.LocalAppendThread:
			err = c.write(i, m.GetEntries(), &raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit})
		case etcd.LocalApplyThread:
			err = c.apply(i, m.GetEntries())
		default:
			err = c.nodes[m.GetTo()-1].Step(m)
		}
		if err != nil {
			return err
		}
		for _, r := range m.GetResponses() {
			if err := c.nodes[r.GetTo()-1].Step(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *etcdCluster) write(i int, entries []*raftpb.Entry, state *raftpb.HardState) error {
	if !etcd.IsEmptyHardState(state) {
		if err := c.logs[i].SetHardState(state); err != nil {
			return err
		}
	}
	return c.logs[i].Append(entries)
}

func (c *etcdCluster) apply(i int, entries []*raftpb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	m := &c.applied[i]
	for _, e := range entries {
		if err := m.apply(e.GetIndex(), e.GetData()); err != nil {
			return fmt.Errorf("replica %d: %w", i+1, err)
		}
	}
	if m.index+1-c.first[i] < 2*retainedEntries {
		return nil
	}
	c.first[i] = m.index - retainedEntries
	return c.logs[i].Compact(c.first[i] - 1)
}
