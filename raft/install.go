package raft

import (
	"errors"
	"fmt"
	"time"

	"github.com/wraft/wraft/raft/mutant"
)

// incoming is a snapshot that the driver receives for us. It outlives the term and
// the leader it came from: what is in it is committed.
type incoming struct {
	from   NodeID // who offered it, or leads now and was told of it; 0: none
	meta   SnapshotMeta
	others offered // of other snapshots meanwhile
}

// offered says from when to when offers came, one soon after the other.
type offered struct {
	any         bool
	first, last time.Duration
}

// is reports whether it is m. Two snapshots of one index may differ in their
// bytes, but mean the same.
func (in *incoming) is(m SnapshotMeta) bool {
	return in.from != 0 && in.meta.Index == m.Index && in.meta.Term == m.Term
}

// mayGoOn notes that a leader offers another snapshot while this one is being received, and
// reports whether to go on with this one all the same and tell the leader so: it stops
// offering when its log leads on from here, and if it is of a release that knows that. One
// that does neither is obeyed after patience. Why a pause ends a series: then it had stopped.
func (in *incoming) mayGoOn(from NodeID, now, patience time.Duration) bool {
	if in.from == 0 {
		return false
	}
	if o := &in.others; !o.any || from != in.from || now > o.last+patience {
		*o = offered{any: true, first: now}
	}
	in.others.last = now
	return now < in.others.first+patience
}

// installing is a snapshot that the log in memory begins from already, while the
// write that publishes it is on its way. The machine is not touched before that is
// durable: after a crash it must find a log that leads on from where it is.
type installing struct {
	write WriteID // 0: none
	meta  SnapshotMeta
}

func (in *installing) index() Index { return in.meta.Index }

// checkInstall refuses a snapshot that cannot be, or that contradicts what is
// committed or what the same leader said before.
func (c *Core) checkInstall(m InstallSnapshot) error {
	s := &m.Snapshot
	if s.Index == 0 || s.Index > indexMax || s.Term == 0 || s.Term > m.Term || s.ConfigIndex > s.Index {
		return fmt.Errorf("a snapshot of (%d, %d) with the configuration of %d in term %d", s.Index, s.Term, s.ConfigIndex, m.Term)
	}
	if err := s.Configuration.Validate(); err != nil {
		return err
	}
	if m.Term < c.term {
		return nil // it is answered, not followed
	}
	settled := c.commit
	if m.Term == c.term {
		settled = max(settled, c.verified)
	}
	if term, ok := c.log.term(min(s.Index, settled)); ok && (s.Term < term || s.Index <= settled && s.Term != term) {
		return errors.New("a snapshot that contradicts what is settled")
	}
	return nil
}

// onInstallSnapshot asks for the bytes of a snapshot, unless the log is there
// already: then an acknowledgement tells the leader so. Nothing is cut before the
// snapshot is here. While another one is being received it asks for that: what has come
// of it would be lost, and where leaders change sooner than a snapshot travels none would
// ever arrive.
func (c *Core) onInstallSnapshot(from NodeID, m InstallSnapshot) {
	c.hearLeader(from)
	if c.holdsSnapshot(m.Snapshot) {
		c.ackSnapshot(m.Snapshot)
		return
	}
	if c.room.none {
		return // it is offered again, once the leader hears that there is room
	}
	in := &c.incoming
	if !in.is(m.Snapshot) && !in.mayGoOn(from, c.now, c.cfg.ElectionTimeoutMin) {
		*in = incoming{meta: m.Snapshot}
	}
	if in.from != from {
		in.from = from
		c.command(SnapshotReceive, from, in.meta)
	}
	c.send(from, InstallSnapshotReply{Term: c.term, Index: in.meta.Index})
}

// holdsSnapshot reports whether the log has all that is in a snapshot: it is
// committed here, or the log has its last entry and so everything before it.
func (c *Core) holdsSnapshot(m SnapshotMeta) bool {
	if m.Index <= c.commit {
		return !mutant.On(mutant.OlderSnapshotInstalled)
	}
	term, ok := c.log.term(m.Index)
	return ok && (term == m.Term || mutant.On(mutant.SnapshotKeepsConflict))
}

// ackSnapshot tells the leader that our log is its own up to the snapshot, or up to
// our commit index when that is more.
func (c *Core) ackSnapshot(m SnapshotMeta) {
	match := max(m.Index, c.commit)
	c.verified = max(c.verified, match)
	c.learnCommit(m.Index)
	if c.leader == 0 {
		return
	}
	if !c.ack.owed {
		c.ack = owedAck{owed: true, to: c.leader}
	}
	c.ack.match = max(c.ack.match, match)
	c.dirty = true
}

// stopReceiving forgets the snapshot that is being received.
func (c *Core) stopReceiving() {
	if c.incoming.from == 0 {
		return
	}
	c.command(SnapshotStopReceive, c.incoming.from, c.incoming.meta)
	c.incoming = incoming{}
}

// SnapshotReceived says that all bytes of a snapshot that was to be received are
// durable and verified. It reports whether they are needed; when not, they may go.
// When they are, the log begins anew behind the snapshot, with one write, and
// SnapshotRestore follows once that is durable.
func (c *Core) SnapshotReceived(m SnapshotMeta) bool {
	if c.failed != nil || !c.incoming.is(m) {
		return false
	}
	meta := c.incoming.meta
	c.incoming = incoming{}
	if c.holdsSnapshot(meta) {
		c.ackSnapshot(meta)
		return false
	}
	c.install(meta)
	return true
}

// install drops the whole log, which lacks the snapshot's last entry or has another
// one there: nothing behind it can be right (Raft paper §7).
func (c *Core) install(m SnapshotMeta) {
	if c.role != Follower {
		c.becomeFollower(c.term, 0, "snapshot received")
	}
	c.fx.Events = append(c.fx.Events, SnapshotInstalled{Index: m.Index, Last: c.log.last})
	c.w.startAnew(m, c.commit)
	c.log.reset(m)
	c.snapshot = m
	c.installing = installing{write: c.w.next, meta: m}
	if !mutant.On(mutant.InstallKeepsConfig) {
		c.configs = append(c.configs[:0:0], configOf(m))
	}
	c.configChanged()
	c.ackSnapshot(m)
}

// startAnew makes the next write publish m and drop the log before it. What is on
// its way ends at commit: only that much of it is in the log to come.
func (w *writes) startAnew(m SnapshotMeta, commit Index) {
	w.snapshot, w.reset = &m, true
	w.truncate, w.after, w.compactTo = false, 0, 0
	w.unwritten = m.Index + 1
	w.durable = min(w.durable, commit)
	for i := range w.issued.len() {
		f := w.issued.at(i)
		f.last = min(f.last, commit)
	}
}

// finishInstall lets the machine have the snapshot once it is published.
func (c *Core) finishInstall() {
	in := c.installing
	if in.write == 0 || in.write > c.w.persisted {
		return
	}
	c.installing = installing{}
	c.handed, c.applied = in.meta.Index, in.meta.Index
	c.applying.reset()
	c.applyOut = 0
	c.command(SnapshotRestore, 0, in.meta)
}
