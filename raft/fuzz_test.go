package raft_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/raft/confchange"
	"github.com/wraft/wraft/raft/rafttest"
)

// script turns fuzz bytes into small numbers; it yields zeros at its end.
type script struct{ bytes []byte }

func (s *script) next() uint64 {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	if b == 255 {
		return 1<<64 - 1 // where sums would overflow
	}
	return uint64(b)
}

func (s *script) term() raft.Term   { return raft.Term(s.next()) }
func (s *script) index() raft.Index { return raft.Index(s.next()) }
func (s *script) flag() bool        { return s.next()%2 == 1 }

// message builds any message, sound or not.
func (s *script) message() raft.Message {
	switch s.next() % 15 {
	case 0, 1:
		return s.append()
	case 2:
		return raft.AppendReply{
			Term: s.term(), Rejected: s.flag(), Match: s.index(), PrevIndex: s.index(),
			HintIndex: s.index(), HintTerm: s.term(), Round: s.next(), Promise: s.flag(), DiskSlow: s.flag(),
		}
	case 3:
		return raft.Heartbeat{Term: s.term(), Commit: s.index(), Round: s.next()}
	case 4:
		return raft.HeartbeatReply{Term: s.term(), Round: s.next(), Promise: s.flag(), DiskSlow: s.flag()}
	case 5:
		return raft.Vote{
			Term: s.term(), LastIndex: s.index(), LastTerm: s.term(), Transfer: s.flag(),
			Gone: raft.NodeID(s.next() % 4), GoneBoot: s.next() % 4,
		}
	case 6:
		return raft.VoteReply{Term: s.term(), Granted: s.flag()}
	case 7:
		return raft.PreVote{
			Term: s.term(), LastIndex: s.index(), LastTerm: s.term(),
			Gone: raft.NodeID(s.next() % 4), GoneBoot: s.next() % 4,
		}
	case 8:
		return raft.PreVoteReply{Term: s.term(), Granted: s.flag()}
	case 9:
		return raft.TimeoutNow{Term: s.term()}
	case 10:
		return raft.ReadIndex{Term: s.term(), ID: raft.ReadID(s.next())}
	case 11:
		return raft.ReadIndexReply{Term: s.term(), ID: raft.ReadID(s.next()), Index: s.index(), Refused: s.flag()}
	case 13:
		return raft.InstallSnapshot{Term: s.term(), Snapshot: raft.SnapshotMeta{
			Index: s.index(), Term: s.term(), ConfigIndex: s.index(), Configuration: s.configuration(),
		}}
	case 14:
		return raft.InstallSnapshotReply{Term: s.term(), Index: s.index()}
	}
	return nil
}

// configuration is sound but for one in eight.
func (s *script) configuration() raft.Configuration {
	if n := s.next() % 8; n > 0 {
		return confchange.New(1, 2, raft.NodeID(2+n))
	}
	return raft.Configuration{}
}

func (s *script) append() raft.Append {
	m := raft.Append{Term: s.term(), PrevIndex: s.index(), PrevTerm: s.term(), Commit: s.index(), Round: s.next()}
	term := m.PrevTerm
	for i := range s.next() % 6 {
		e := raft.Entry{Index: m.PrevIndex + 1 + raft.Index(i), Term: term, Type: raft.EntryCommand}
		switch s.next() % 8 {
		case 0:
			e.Term++
		case 1:
			e.Term = s.term()
		case 2:
			e.Index = s.index()
		case 3:
			e.Type = raft.EntryType(s.next())
		case 4:
			e.Type, e.Data = raft.EntryConfig, confchange.New(1, 2, raft.NodeID(3+s.next()%3)).Encode()
		}
		term = e.Term
		m.Entries = append(m.Entries, e)
	}
	return m
}

// act does one thing to the node and carries out what follows.
func act(t *testing.T, n *rafttest.Node, s *script, now *time.Duration) {
	switch s.next() % 22 {
	case 0:
		*now += time.Duration(s.next()%256) * 20 * time.Millisecond
		n.Core.Tick(*now)
	case 1:
		n.Core.Propose(raft.Proposal{ID: 1, Type: raft.EntryType(s.next()), Data: make([]byte, s.next()%256)})
	case 2:
		n.Core.Read(raft.ReadRequest{
			ID: raft.ReadID(s.next()), Mode: raft.ReadMode(s.next() % 5), MaxStaleness: time.Duration(s.next()) * time.Millisecond,
		})
	case 3:
		n.Core.CancelRead(raft.ReadID(s.next()))
	case 4:
		n.Sync(n.Disk.Pending())
	case 5:
		n.Core.Unreachable(raft.NodeID(s.next()))
	case 6:
		n.Core.Campaign()
	case 7:
		n.Core.Fetched(raft.NodeID(s.next()), s.index(), s.append().Entries)
	case 12:
		n.Core.ChangeConfig(raft.ChangeRequest{ID: 2, Expected: s.index(), Changes: s.changes()})
	case 13:
		_ = n.Core.TransferTo(raft.NodeID(s.next() % 6))
	case 14:
		n.Core.PeerStats(raft.NodeID(s.next()%6), raft.PathStats{
			RTT: time.Duration(s.next()) * time.Millisecond, Variance: time.Duration(s.next()), DeliveryRate: s.next(), Up: s.flag(),
		})
	case 15:
		n.Core.PeerGone(raft.NodeID(s.next()%6), s.next())
	case 16:
		n.Core.PeerRuns(raft.NodeID(s.next()%6), s.next())
	case 17:
		n.TakeSnapshot(nil)
	case 18:
		if meta, ok := n.Receiving(); ok {
			_ = n.ReceiveSnapshot(rafttest.Snapshot{Meta: meta, Machine: make([]raft.Entry, meta.Index)})
		}
	case 19:
		n.Core.SnapshotDone(raft.NodeID(s.next()%6), s.index(), nil)
	case 20:
		n.Core.SnapshotDone(raft.NodeID(s.next()%6), s.index(), errors.New("broken off"))
	case 21:
		n.Core.SnapshotProgress(raft.NodeID(s.next()%6), s.index(), s.next())
		meta := raft.SnapshotMeta{Index: s.index(), Term: s.term()}
		if _, wanted := n.Receiving(); !wanted && n.Core.SnapshotReceived(meta) {
			t.Fatal("a snapshot that was not wanted is to be installed")
		}
	default:
		receive(t, n, s)
	}
}

// changes builds one to three changes, which may make sense.
func (s *script) changes() []raft.Change {
	var list []raft.Change
	for range 1 + s.next()%3 {
		list = append(list, raft.Change{
			Kind: confchange.Kind(s.next() % 6), Node: raft.NodeID(s.next() % 6), Incarnation: raft.Incarnation(s.next() % 2),
		})
	}
	return list
}

// receive checks that a bad message leaves no trace.
func receive(t *testing.T, n *rafttest.Node, s *script) {
	before, pending := n.Core.Status(), n.Core.Pending()
	m := s.message()
	err := n.Core.Receive(raft.NodeID(s.next()%6), m)
	if err == nil {
		return
	}
	if !errors.Is(err, raft.ErrBadMessage) {
		t.Fatalf("%v", err)
	}
	if after := n.Core.Status(); !reflect.DeepEqual(before, after) || pending != n.Core.Pending() {
		t.Fatalf("%+v was refused (%v) and changed the core:\n%+v\n%+v", m, err, before, after)
	}
}

// FuzzStep feeds a voter of three with anything. Whatever comes, it must not
// panic, must not ask its disk for the impossible, and its cursors stay in order.
func FuzzStep(f *testing.F) {
	f.Add([]byte{6, 8, 8, 1, 1, 2, 4, 8, 6, 1, 1, 2, 8, 2, 1, 0, 1, 0, 0, 0, 0, 1, 0, 2, 1, 2, 5, 2, 9, 1, 0})
	f.Add([]byte{8, 0, 3, 0, 0, 1, 0, 3, 1, 9, 9, 9, 2, 4, 8, 1, 4, 1, 1, 0, 0, 2, 9, 9, 3})
	f.Add([]byte{8, 5, 2, 0, 0, 0, 2, 4, 8, 3, 2, 9, 1, 2, 0, 255, 0, 255})
	// n1 leads and its no-op is committed; it begins to remove itself and to hand over.
	f.Add([]byte{6, 8, 8, 1, 1, 2, 4, 8, 6, 1, 1, 2, 4, 8, 2, 1, 0, 1, 0, 0, 0, 0, 1, 0, 2, 4, 12, 0, 0, 4, 1, 0, 4, 8, 2, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 13, 3})
	// n1 leads over paths that are known, one of which falls, with a write on its way for long.
	f.Add([]byte{14, 2, 9, 1, 4, 1, 14, 3, 255, 0, 255, 1, 6, 8, 8, 1, 1, 2, 4, 8, 6, 1, 1, 2, 4, 8, 2, 1, 0, 1, 0, 0, 0, 0, 0, 0, 2, 1, 2, 90, 14, 2, 0, 0, 0, 0, 0, 200, 0, 200, 4})
	// n1 follows n2, is told that it is gone, and is asked for a vote for that.
	f.Add([]byte{8, 0, 1, 0, 0, 0, 0, 0, 2, 4, 15, 2, 1, 8, 5, 2, 0, 0, 0, 2, 1, 3})
	// n2 leads, and its snapshot replaces the log of n1.
	f.Add([]byte{8, 0, 2, 0, 0, 1, 0, 1, 0, 2, 8, 13, 2, 9, 2, 0, 1, 2, 18, 4, 4, 17})
	f.Fuzz(func(t *testing.T, data []byte) {
		n := &rafttest.Node{ID: 1, Disk: rafttest.NewDisk(confchange.New(1, 2, 3))}
		now := time.Duration(0)
		cfg := raft.Config{Group: 1, Seed: 1, LeaseReads: len(data)%2 == 1, CacheBytesMax: 100, UncommittedBytesMax: 1000, PendingReadsMax: 3}
		if err := n.Start(cfg, now); err != nil {
			t.Fatal(err)
		}
		for s := (&script{data}); len(s.bytes) > 0; {
			act(t, n, s, &now)
			fx, err := n.Drain()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range fx.Apply {
				if err := n.Apply(r); err != nil {
					t.Fatal(err)
				}
			}
			if is := n.Core.Status(); is.Applied > is.Handed || is.Handed > min(is.Commit, is.Persisted) || is.Commit > is.LastIndex ||
				is.PurgedIndex > is.SnapshotIndex || is.SnapshotIndex > is.Applied && is.SnapshotIndex != is.Installing {
				t.Fatalf("cursors out of order: %+v", is)
			}
			if restored := n.Disk.Restored(); restored.LastIndex > 0 || restored.HardState.Term > 0 {
				if _, err := raft.New(raft.Config{ID: 1, Group: 1, Seed: 2}, restored, now); err != nil {
					t.Fatalf("what was written cannot be restored: %v", err)
				}
			}
		}
	})
}
