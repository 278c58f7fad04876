package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// Recorded is a machine's state at one moment, being written down while the machine
// goes on.
type Recorded interface {
	// WriteTo writes the state. It may run on any goroutine, once.
	WriteTo(w io.Writer) (int64, error)
	// Close ends it, whether it was written or not; on any goroutine.
	Close()
}

// Recorder is a Machine whose whole state can be recorded.
type Recorder interface {
	Machine
	Record() (Recorded, error)
}

// imager is a Machine that makes images, and increments on earlier ones.
type imager interface {
	Capture(base plugins.StateHash) (*plugins.Capture, error)
}

var _ imager = (*plugins.Instance)(nil)

// SnapshotPolicy says when a replica takes a snapshot by itself. Points follow from the
// log alone, so replicas with the same policy take theirs behind the same entries.
type SnapshotPolicy struct {
	// LogBytes is how much of the log lies between two snapshots; 0: as much as there may be.
	LogBytes uint64
	// Interval is how much log time lies between two snapshots; 0: as much as there may be.
	Interval time.Duration
}

// snapshotPoints finds where snapshots are taken. bytes and at are replicated state.
type snapshotPoints struct {
	policy SnapshotPolicy
	bytes  uint64 // of the log since the last point
	at     int64  // log time of the last point

	byExport bool           // snapshots are to be made of exports
	due      bool           // a point was passed, and no export entry since
	exported *exportedState // of the entry that was applied last
	refused  bool           // an export at that entry was

	restored bool // the entry that was applied last gave the machine its state

	held  bool              // one is being written; the next point is let go by
	base  plugins.StateHash // of the state to take an increment on; zero: none
	ready *SnapshotCapture  // taken, and nobody has asked for it yet
}

// TakeSnapshots lets the applier take snapshots at the points of a policy. In a new
// group the first point comes early, at a place that differs from group to group, so
// that not all machines write at the same time.
func (a *Applier) TakeSnapshots(p SnapshotPolicy) {
	a.points.policy = p
	if a.applied == 0 {
		share, _ := bits.Mul64(p.LogBytes/2, uint64(a.group)*0x9e3779b97f4a7c15)
		a.points.bytes = share
		late, _ := bits.Mul64(uint64(p.Interval)/2, uint64(a.group)*0x9e3779b97f4a7c15)
		a.points.at = -int64(late)
	}
}

// SnapshotByExport says of what snapshots are made from now on: of what the module
// exports, or of the instance's memory. Why it need not be the same on all replicas at
// a time: the entries of the log decide where they export, this only who asks for one.
func (a *Applier) SnapshotByExport(on bool) {
	a.points.byExport, a.points.due = on, a.points.due && on
}

// ExportDue returns the command that the log should have: a point was passed, and the
// machine's snapshots are made of exports.
func (a *Applier) ExportDue() (c Command, due bool) {
	if !a.points.due || a.points.held {
		return Command{}, false
	}
	c, err := ExportCommand(ExportOrder{After: a.exported.Index})
	return c, err == nil
}

// reached counts an entry and reports whether a point comes behind it.
func (p *snapshotPoints) reached(e raft.Entry, logTime int64) bool {
	p.bytes += e.Size()
	long := p.policy.Interval > 0 && logTime-p.at >= int64(p.policy.Interval)
	if (p.policy.LogBytes == 0 || p.bytes < p.policy.LogBytes) && !long {
		return false
	}
	p.bytes, p.at = 0, logTime
	return true
}

// point looks whether a snapshot is to be taken behind the entry that was applied last:
// where there was an export, or where one is due. Why an image when an export has been
// due for as long as lies between two points, or was refused: the log has to be cut.
func (a *Applier) point(e raft.Entry) error {
	p := &a.points
	if a.pending != nil {
		return nil // Why: what has come of its state is in the log alone, which is kept for that
	}
	exported, refused := p.exported, p.refused || p.restored
	p.exported, p.refused, p.restored = nil, false, false
	reached := p.reached(e, a.logTime)
	switch {
	case p.held && exported != nil:
		exported.Close()
		return nil
	case p.held:
		p.due = p.due || reached && p.byExport
		return nil
	case exported != nil:
		return a.ready(a.captureExport(exported))
	case reached && p.byExport && !p.due && !refused:
		p.due = true
		return nil
	case reached || refused:
		return a.ready(a.Capture())
	}
	return nil
}

// ready keeps a capture for whoever writes it.
func (a *Applier) ready(c *SnapshotCapture, err error) error {
	if err != nil && !errors.Is(err, errNoRecord) {
		return err
	}
	if a.points.ready != nil {
		a.points.ready.Close()
	}
	a.points.ready = c
	return nil
}

// drop gives up what nobody has asked for.
func (p *snapshotPoints) drop() {
	if p.ready != nil {
		p.ready.Close()
	}
	if p.exported != nil {
		p.exported.Close()
	}
	p.ready, p.exported = nil, nil
}

// TakeCapture returns the newest snapshot that is due and was not taken yet, or nil.
// The caller writes and closes it.
func (a *Applier) TakeCapture() *SnapshotCapture {
	c := a.points.ready
	a.points.ready = nil
	return c
}

// HoldSnapshots says whether one is being written: then no further one is taken.
func (a *Applier) HoldSnapshots(held bool) { a.points.held = held }

// SnapshotsRestOn says on which state increments are to be taken: that of a capture
// which is on disk. The zero hash asks for whole snapshots.
func (a *Applier) SnapshotsRestOn(base plugins.StateHash) { a.points.base = base }

// errNoRecord: the machine cannot be recorded.
var errNoRecord = errors.New("node: the machine makes no snapshots")

// Capture begins a snapshot of everything up to the applied index. The caller writes
// and closes it. An error is trouble of this replica.
func (a *Applier) Capture() (*SnapshotCapture, error) { return a.captureOn(a.points.base) }

// captureOn is Capture of an increment on a state, or of everything with the zero hash.
func (a *Applier) captureOn(base plugins.StateHash) (*SnapshotCapture, error) {
	if a.pending != nil {
		return nil, fmt.Errorf("%w: group %d", ErrRestoring, a.group)
	}
	c := &SnapshotCapture{Index: a.applied}
	switch m := a.machine.(type) {
	case imager:
		image, err := m.Capture(base)
		c.Increment = err == nil && base != plugins.StateHash{}
		if errors.Is(err, plugins.ErrBase) {
			image, err = m.Capture(plugins.StateHash{})
		}
		if err != nil {
			return nil, fmt.Errorf("node: snapshot of group %d at %d: %w", a.group, a.applied, err)
		}
		c.machine, c.State = image, image.Hash()
	case Recorder:
		recorded, err := m.Record()
		if err != nil {
			return nil, fmt.Errorf("node: snapshot of group %d at %d: %w", a.group, a.applied, err)
		}
		c.machine = recorded
	default:
		return nil, errNoRecord
	}
	a.describe(c)
	return c, nil
}

// captureExport is Capture of what was exported at the entry that was applied last.
func (a *Applier) captureExport(x *exportedState) (*SnapshotCapture, error) {
	if h, ok := a.machine.(StateHasher); ok {
		var err error
		if x.origin.State, err = h.StateHash(); err != nil {
			x.Close()
			return nil, fmt.Errorf("node: snapshot of group %d at %d: %w", a.group, a.applied, err)
		}
	}
	c := &SnapshotCapture{Index: a.applied, machine: x}
	a.describe(c)
	c.state.Origin = &x.origin
	return c, nil
}

// describe adds everything to a capture that is not the machine's.
func (a *Applier) describe(c *SnapshotCapture) {
	c.snapshotContent = a.memory()
	c.state = snapshotState{
		Version: c.version(), Group: a.group, Applied: a.applied,
		Term: a.term, TermBase: a.termBase, LogTime: a.logTime, Commands: a.commands,
		Run: a.upgrades.running.Run, Since: a.upgrades.running.Since,
		Decided: a.upgrades.decided, Answer: answerStateOf(0, a.upgrades.answer), Exported: a.exported, Restored: a.restored,
		PointBytes: a.points.bytes, PointTime: a.points.at,
		NextSession: a.sessions.next, SessionUses: a.sessions.uses, Sessions: uint64(len(c.sessions)),
	}
}

// OpenSnapshot makes a machine of its part of a snapshot: what it ran, and what its
// Recorded or Capture wrote, a whole one first and then the increments on it. Without
// parts it makes a fresh one, whose first moment is created.
type OpenSnapshot func(run MachineRun, created plugins.Moment, parts []io.Reader) (Machine, error)

// RestoreApplier returns an applier in the state of a snapshot: the contents of a
// whole one and of the increments on it. Each is read to its end. Errors:
// ErrSnapshotState, those of the readers and those of open.
func RestoreApplier(ctx context.Context, g raft.GroupID, contents []io.Reader, open OpenSnapshot, entries EntryReader) (*Applier, error) {
	var content snapshotContent
	for _, r := range contents {
		var err error
		if content, err = readSnapshotState(r, g); err != nil {
			return nil, fmt.Errorf("node: restore group %d: %w", g, err)
		}
	}
	sessions, keys, err := content.tables()
	if err != nil {
		return nil, fmt.Errorf("node: restore group %d: %w", g, err)
	}
	state := content.state
	machine, err := restoreMachine(ctx, state, contents, open)
	if err != nil {
		return nil, fmt.Errorf("node: restore group %d: %w", g, err)
	}
	for _, r := range contents {
		// Why: only its end says that all of a file was sound.
		if n, err := io.Copy(io.Discard, r); err != nil || n > 0 {
			return nil, errors.Join(fmt.Errorf("%w: group %d: %d bytes are left over", ErrSnapshotState, g, n), err, machine.Close(ctx))
		}
	}
	a := NewApplier(g, machine, entries)
	a.exported, a.restored = state.Exported, state.Restored
	a.sessions, a.keys, a.applied, a.commands = sessions, keys, state.Applied, state.Commands
	a.term, a.termBase, a.logTime = state.Term, state.TermBase, state.LogTime
	a.points.bytes, a.points.at = state.PointBytes, state.PointTime
	a.upgrades = upgrades{
		running: RunningModule{Run: state.Run, Since: state.Since},
		decided: state.Decided, answer: state.Answer.answer(),
	}
	return a, nil
}

// restoreMachine makes a machine of the rest of a snapshot.
func restoreMachine(ctx context.Context, s snapshotState, contents []io.Reader, open OpenSnapshot) (Machine, error) {
	if s.Origin == nil {
		return open(s.Run, plugins.Moment{}, contents)
	}
	if len(contents) != 1 {
		return nil, fmt.Errorf("%w: an export among %d parts", ErrSnapshotState, len(contents))
	}
	machine, err := open(s.Run, s.Origin.moment(), nil)
	if err != nil {
		return nil, err
	}
	if err := s.Origin.takeBack(ctx, machine, contents[0]); err != nil {
		return nil, errors.Join(err, machine.Close(ctx))
	}
	return machine, nil
}
