package node

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// ImageOpener is a SuccessorOpener whose instances can begin in the state of an image.
type ImageOpener interface {
	// OpenImage starts an instance in the state of a whole image. Errors: plugins.ErrImage;
	// those of the reader; trouble of this node.
	OpenImage(ctx context.Context, run MachineRun, image io.Reader) (Machine, error)
}

// restoring is a machine that waits for a state from a backup.
type restoring struct {
	attempt raft.Index // of the entry that began it; 0: none is under way
	taken   uint64     // bytes
	feed    *stateFeed // nil once it turned out to be no state
	reason  string     // then
}

// restoredFrom is what the log has led to since a machine got its state from a backup.
// It is replicated state; the zero value is that of a machine that began by itself.
type restoredFrom struct {
	_       struct{} `cbor:",toarray"`
	Attempt raft.Index
	// Ahead is how much further the indexes are that the machine sees than those of the
	// log. Why: they never go back, and the log began anew.
	Ahead uint64
}

// AwaitState says that the machine begins with a state from a backup: until that has
// come through the log it executes nothing and answers no queries.
func (a *Applier) AwaitState() {
	if a.applied == 0 {
		a.pending = &restoring{}
	}
}

// Restoring reports whether the machine still waits for its state.
func (a *Applier) Restoring() bool { return a.pending != nil }

// applyRestore obeys a restore entry. The error is trouble of this node alone.
func (a *Applier) applyRestore(ctx context.Context, e raft.Entry, at plugins.Moment, c Command) ([]Applied, error) {
	var o RestoreOrder
	if err := batchDecoding.Unmarshal(c.Data, &o); err != nil || a.upgrades.opener == nil {
		return []Applied{{Answer: Answer{Index: e.Index, Term: e.Term, Status: plugins.StatusMalformed, Data: []byte("not a restore of this group")}}}, nil
	}
	out, err := a.obeyRestore(ctx, at, e, o)
	if err != nil {
		return nil, fmt.Errorf("node: restore of group %d at index %d: %w", a.group, e.Index, err)
	}
	data, err := encodeUpgrade(out)
	return []Applied{{Answer: Answer{Index: e.Index, Term: e.Term, Status: out.Status, Data: data}}}, err
}

func (a *Applier) obeyRestore(ctx context.Context, at plugins.Moment, e raft.Entry, o RestoreOrder) (RestoreOutcome, error) {
	p := a.pending
	switch {
	case p == nil && o.Step == RestoreCommit && o.Attempt != 0 && o.Attempt == a.restored.Attempt:
		return RestoreOutcome{Attempt: o.Attempt, Taken: o.Offset}, nil // done before
	case p == nil:
		return RestoreOutcome{Status: StatusRestoreLate, Reason: "the machine has a state"}, nil
	case o.Step == RestoreBegin:
		p.drop(ctx)
		*p = restoring{attempt: e.Index, feed: newStateFeed(func(r io.Reader) (restoredState, error) { return a.readState(ctx, r) })}
		p.feed.give(nil)
	case o.Attempt == 0 || o.Attempt != p.attempt:
		return RestoreOutcome{Attempt: p.attempt, Status: StatusRestoreStale}, nil
	case o.Step == RestoreData && o.Offset == p.taken && p.feed != nil:
		return p.outcome(p.take(ctx, o.Data))
	case o.Step == RestoreCommit && o.Offset == p.taken && p.feed != nil:
		return a.finishRestore(ctx, at, e)
	case o.Step != RestoreData || o.Offset+uint64(len(o.Data)) > p.taken:
		p.refuse(ctx, fmt.Sprintf("%d bytes have come, not %d", p.taken, o.Offset))
	}
	return p.outcome(nil)
}

// outcome is how far the attempt is.
func (p *restoring) outcome(err error) (RestoreOutcome, error) {
	out := RestoreOutcome{Attempt: p.attempt, Taken: p.taken, Reason: p.reason}
	if p.reason != "" {
		out.Status = StatusRestoreRefused
	}
	return out, err
}

// take feeds the next bytes. The error is trouble of this node.
func (p *restoring) take(ctx context.Context, data []byte) error {
	p.taken += uint64(len(data))
	if p.feed.give(data) {
		return nil
	}
	err := p.feed.err
	switch {
	case err == nil:
		p.refuse(ctx, "it has an end before its end")
	case faultOfState(err):
		p.refuse(ctx, err.Error())
	default:
		return err
	}
	return nil
}

// refuse ends the attempt; what comes of it is the same for whatever follows.
func (p *restoring) refuse(ctx context.Context, reason string) {
	if p.reason == "" {
		p.reason = boundedReason(reason)
	}
	p.drop(ctx)
}

// drop gives up what was made so far.
func (p *restoring) drop(ctx context.Context) {
	if p.feed != nil {
		p.feed.abandon(ctx)
		p.feed = nil
	}
}

// finishRestore makes the state that has come the machine's, all of it or nothing.
func (a *Applier) finishRestore(ctx context.Context, at plugins.Moment, e raft.Entry) (RestoreOutcome, error) {
	p := a.pending
	made, err := p.feed.end()
	p.feed = nil
	if err != nil && !faultOfState(err) {
		return RestoreOutcome{}, err
	}
	if err != nil {
		p.refuse(ctx, err.Error())
		return p.outcome(nil)
	}
	_ = a.machine.Close(ctx) // it never executed anything
	a.machine, a.sessions, a.keys, a.commands = made.machine, made.sessions, made.keys, made.state.Commands
	// Why: a machine's time goes on where it was, and no faster.
	gone := a.logTime - a.termBase
	a.logTime = max(a.logTime, made.state.LogTime)
	a.termBase = a.logTime - gone
	a.points.at = a.logTime
	was := uint64(made.state.Applied) + made.state.Restored.Ahead
	a.restored = restoredFrom{Attempt: p.attempt, Ahead: max(was, uint64(e.Index)) - uint64(e.Index)}
	a.pending = nil
	a.points.restored = true
	return RestoreOutcome{Attempt: p.attempt, Taken: p.taken}, nil
}

// readState makes a machine, with all that is around it, of the content of a snapshot
// that was taken in any group of any cluster.
func (a *Applier) readState(ctx context.Context, r io.Reader) (restoredState, error) {
	content, err := readAnyState(r)
	if err != nil {
		return restoredState{}, err
	}
	out := restoredState{state: content.state}
	if out.sessions, out.keys, err = content.tables(); err != nil {
		return restoredState{}, err
	}
	if out.machine, err = a.openState(ctx, out.state, r); err != nil {
		return restoredState{}, err
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n > 0 {
		if err == nil {
			err = fmt.Errorf("%w: %d bytes are left over", ErrSnapshotState, n)
		}
		return restoredState{}, errors.Join(err, out.machine.Close(ctx))
	}
	return out, nil
}

// openState makes a machine of the rest of a snapshot's content. An export is given to
// what this group runs; an image is of one run only.
func (a *Applier) openState(ctx context.Context, s snapshotState, r io.Reader) (Machine, error) {
	run := a.upgrades.running.Run
	if s.Origin == nil {
		opener, ok := a.upgrades.opener.(ImageOpener)
		if !ok || s.Run != run {
			return nil, fmt.Errorf("%w: it is an image of what this machine does not run", ErrSnapshotState)
		}
		return opener.OpenImage(ctx, run, r)
	}
	machine, err := a.upgrades.opener.OpenSuccessor(ctx, run, s.Origin.moment())
	if err != nil {
		return nil, err
	}
	origin := *s.Origin
	if s.Run != run {
		origin.State = plugins.StateHash{} // another run makes another state of it
	}
	if err := origin.takeBack(ctx, machine, r); err != nil {
		return nil, errors.Join(err, machine.Close(ctx))
	}
	return machine, nil
}
