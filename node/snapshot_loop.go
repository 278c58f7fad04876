package node

import (
	"context"
	"errors"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// snapshotChain is what the next snapshot of a machine may be an increment on. Its
// zero value asks for a whole one.
type snapshotChain struct {
	last                  storage.Digest
	state                 plugins.StateHash
	increments            int
	wholeBytes, restBytes int64
}

// follow returns the chain with a file that was written for c.
func (k snapshotChain) follow(c *SnapshotCapture, file storage.SnapshotFile) snapshotChain {
	if !c.Increment {
		k = snapshotChain{wholeBytes: file.Size}
	} else {
		k.increments++
		k.restBytes += file.Size
	}
	k.last, k.state = file.Digest, c.State
	if k.increments >= snapshotIncrementsMax || k.restBytes > k.wholeBytes/2 {
		return snapshotChain{} // Why: a restart reads all of it
	}
	return k
}

// capture has a snapshot written that is due.
func (l *applierLoop) capture() {
	if c := l.applier.TakeCapture(); c != nil {
		l.record(c, func(storage.SnapshotFile, error) {})
	}
}

// snapshotNow takes a snapshot whether one is due or not.
func (l *applierLoop) snapshotNow(done func(storage.SnapshotFile, error)) {
	switch {
	case l.halted != nil:
		done(storage.SnapshotFile{}, &MachineHaltedError{Cause: l.halted})
		return
	case l.applier == nil:
		done(storage.SnapshotFile{}, ErrMachineNotRunning)
		return
	case l.recording:
		done(storage.SnapshotFile{}, ErrSnapshotting)
		return
	}
	c, err := l.applier.Capture()
	if err != nil {
		done(storage.SnapshotFile{}, err)
		return
	}
	l.record(c, done)
}

// record writes a capture on a goroutine of its own. done is called on the loop's, or
// never when the node stops.
func (l *applierLoop) record(c *SnapshotCapture, done func(storage.SnapshotFile, error)) {
	n, applier, base := l.node, l.applier, storage.Digest{}
	if c.Increment {
		base = l.chain.last
	}
	g := n.group(l.group)
	applier.HoldSnapshots(true)
	l.recording = true
	began := g != nil && g.spawn(n, func() {
		file, err := n.snapshots.write(g, c, base)
		c.Close()
		l.in.force(func(l *applierLoop) {
			l.recording = false
			if l.applier == applier {
				l.recorded(c, file, err)
			}
			done(file, err)
		})
	})
	if !began {
		c.Close()
		done(storage.SnapshotFile{}, ErrDeleted)
	}
}

// recorded notes how the writing of a snapshot has ended.
func (l *applierLoop) recorded(c *SnapshotCapture, file storage.SnapshotFile, err error) {
	m := &l.node.snapshots.meter
	l.applier.HoldSnapshots(false)
	switch {
	case err == nil:
		m.taken.Add(1)
		m.writtenBytes.Add(uint64(file.Size))
		if !c.Increment || l.chain.last != (storage.Digest{}) { // else beginChain was called meanwhile
			l.chain = l.chain.follow(c, file)
		}
		l.node.log.Info("snapshot taken", "group", l.group, "index", file.Index, "bytes", file.Size, "increment", c.Increment)
	case errors.Is(err, errOutrun) || l.node.ctx.Err() != nil:
		l.chain = snapshotChain{}
	default:
		m.failed.Add(1)
		l.chain = snapshotChain{}
		l.node.log.Warn("a snapshot could not be written; the log is kept and the next one is tried later", "group", l.group, "index", c.Index, "err", err)
	}
	l.applier.SnapshotsRestOn(l.chain.state)
}

// beginChain makes the next snapshot a whole one, because a file that it could rest on
// was put away.
func (l *applierLoop) beginChain() {
	l.chain = snapshotChain{}
	if l.applier != nil {
		l.applier.SnapshotsRestOn(l.chain.state)
	}
}

// replaced is called when the write that replaces the group's log is about to begin:
// what is not applied yet may be gone before it is read.
func (l *applierLoop) replaced() { l.parked.Store(true) }

// restore drops the machine for a snapshot, behind which the log begins now.
func (l *applierLoop) restore(index raft.Index) {
	l.parked.Store(false)
	for _, w := range l.backlog {
		l.abandonWith(w, errReplaced)
	}
	l.backlog, l.waiting = nil, false
	l.reach = max(l.reach, index)
	l.node.snapshots.meter.installed.Add(1)
	if l.halted != nil {
		return
	}
	l.node.log.Info("a snapshot takes the place of the log", "group", l.group, "index", index)
	l.drop()
	l.node.reopen(l.group, nil)
}

// drop closes the machine, if there is one. Another is opened.
func (l *applierLoop) drop() {
	if l.applier != nil {
		_ = l.applier.Close(context.Background()) // it holds nothing that is needed
	}
	l.applier, l.chain = nil, snapshotChain{}
	l.comparison.Forget()
}

// begin takes a machine whose state is that behind some entry. What the core takes for
// applied already, or a machine before this one has had, and this one lacks comes first.
func (l *applierLoop) begin(a *Applier) {
	l.drop()
	l.applier, l.handed = a, max(l.handed, l.reach)
	a.feed, a.work = l.feed, &l.did
	l.ahead.log, a.entries = a.entries, &l.ahead
	l.followMode()
	if l.node.snapshots.files != nil {
		a.TakeSnapshots(SnapshotPolicy{LogBytes: uint64(max(l.node.cfg.SnapshotLogBytes, 0)), Interval: max(l.node.cfg.SnapshotInterval, 0)})
	}
	if a.Applied() < l.handed {
		gap := ApplyWork{Range: raft.ApplyRange{First: a.Applied() + 1, Last: l.handed}}
		l.backlog = append([]ApplyWork{gap}, l.backlog...)
	}
}

// rest is what of the work the machine does not have yet. ok is false when that is
// nothing.
func (l *applierLoop) rest(w ApplyWork) (left ApplyWork, ok bool) {
	l.handed = max(l.handed, w.Range.Last)
	at := l.applier.Applied()
	switch {
	case at < w.Range.First:
		return w, true
	case at >= w.Range.Last:
		l.abandonWith(w, errReplaced)
		l.publish()
		return w, false
	}
	return w.After(at), true
}

// compacted deals with entries that are gone because the log was replaced or cut: the
// machine is made anew from what replaced them.
func (l *applierLoop) compacted(w ApplyWork) {
	l.abandonWith(w, errReplaced)
	if l.parked.Load() {
		l.backlog = append(l.backlog, ApplyWork{Range: w.Range}) // restore drops it
		l.waiting = true
		return
	}
	l.reach = max(l.reach, w.Range.Last)
	l.node.log.Warn("the log does not reach back to where this replica is; it is made anew from a snapshot", "group", l.group, "index", l.applier.Applied())
	l.drop()
	l.node.reopen(l.group, nil)
}
