package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// BackupRequest asks for a machine's state.
type BackupRequest struct {
	Machine string
	// Export asks for what the module's snapshot export writes, which another module,
	// or another release, can take; without it the state is an image.
	Export bool
	At     int64 // Unix ns, what a module is told when it takes the state
}

// Backup is a machine's state at one applied index, on its way to somebody. The caller
// writes and closes it.
type Backup struct {
	Machine  MachineRecord
	Run      MachineRun // what ran
	Export   bool
	Index    raft.Index // of the last entry in it
	Term     raft.Term  // of its last command
	State    plugins.StateHash
	Sessions int

	node    *Node
	end     sync.Once
	release func() // of the modules of Run
	capture *SnapshotCapture
	beside  *besideExport // of an export that runs beside the machine
}

// backupsMax bounds the backups that are taken on a node at a time: each may come to hold
// as much memory as the machine has.
const backupsMax = 2

// ErrBackups: as many backups are being taken on this node as may be. Wait for one.
var ErrBackups = errors.New("node: another backup is being taken on this node")

// Backup takes everything that was acknowledged by now of a machine. What is written is
// the content of a snapshot (docs/FORMAT.md). It is consistent for the one machine: what
// several machines have is not of one moment. Errors: ErrNoMachine, ErrRestoring,
// ErrBackups, ErrMachineNotRunning, *MachineHaltedError and those of Ask.
func (n *Node) Backup(ctx context.Context, r BackupRequest) (*Backup, error) {
	m, err := n.findMachine(ctx, r.Machine)
	if err != nil {
		return nil, err
	}
	g := n.group(m.Group)
	if g == nil {
		return nil, n.deleted(m.Group, ErrMachineNotRunning)
	}
	if _, err := n.read(ctx, g, &queryCall{call: call{done: make(chan reply, 1)}, only: true}, true); err != nil {
		return nil, n.deletedOr(m.Group, err)
	}
	select {
	case n.backups <- struct{}{}:
	default:
		return nil, fmt.Errorf("%w: %d are", ErrBackups, backupsMax)
	}
	b := &Backup{Machine: *m, Export: r.Export, node: n}
	if err := n.beginBackup(ctx, g, b, r.At); err != nil {
		<-n.backups
		return nil, err
	}
	b.release = n.shelf.hold(b.Run)
	return b, nil
}

// beginBackup has the applier take down the state and waits until it stands.
func (n *Node) beginBackup(ctx context.Context, g *group, b *Backup, at int64) error {
	ready := make(chan error, 1)
	if !g.applier.in.put(func(l *applierLoop) { l.backUp(b, at, ready) }) {
		return ErrBusy
	}
	select {
	case err := <-ready:
		return err
	case <-ctx.Done():
		n.spawn(func() { // Why: it may still begin
			select {
			case late := <-ready:
				if late == nil {
					b.drop()
				}
			case <-n.stop:
			}
		})
		return timeoutError(ctx.Err())
	case <-n.stop:
		return ErrStopping
	}
}

// WriteTo writes the state; it may run once. The error is that of w, a
// *plugins.GuestError when the module does not export its state, or trouble of this
// node: what was written then is of no use.
func (b *Backup) WriteTo(w io.Writer) (int64, error) {
	return b.capture.WriteTo(untilStop{b.node, w})
}

// Close gives it up, whether it was written or not. It may be called again.
func (b *Backup) Close() {
	b.end.Do(func() {
		b.drop()
		b.release()
		<-b.node.backups
	})
}

func (b *Backup) drop() {
	if b.beside != nil {
		b.beside.giveUp()
		return
	}
	b.capture.Close()
}

// backUp begins a backup of what is applied now, or soon, and says on ready when the
// backup describes itself.
func (l *applierLoop) backUp(b *Backup, at int64, ready chan<- error) {
	switch {
	case l.halted != nil:
		ready <- &MachineHaltedError{Cause: l.halted}
		return
	case l.applier == nil:
		ready <- ErrMachineNotRunning
		return
	case l.applier.Restoring():
		ready <- ErrRestoring
		return
	case b.Export:
		l.backUpExport(b, at, ready)
		return
	}
	c, err := l.applier.captureOn(plugins.StateHash{})
	if errors.Is(err, plugins.ErrCaptures) {
		err = ErrBackups
	}
	if err == nil {
		b.describe(c)
	}
	ready <- err
}

// describe fills in what a capture says of itself.
func (b *Backup) describe(c *SnapshotCapture) {
	b.capture, b.Run, b.Index, b.Term = c, c.state.Run, c.Index, c.state.Term
	b.State, b.Sessions = c.State, len(c.sessions)
}

// backUpExport begins a backup of what the module exports, beside the machine where
// that can be done.
func (l *applierLoop) backUpExport(b *Backup, at int64, ready chan<- error) {
	m, ok := l.applier.machine.(Upgradable)
	if !ok {
		ready <- fmt.Errorf("%w: its state cannot be exported", ErrMachineNotRunning)
		return
	}
	if _, ok := l.applier.machine.(Forker); !ok {
		var state bytes.Buffer
		err := m.Export(l.node.ctx, &state)
		if err == nil {
			err = l.describeExport(b, at, &writtenState{state})
		}
		ready <- err
		return
	}
	x := &besideExport{out: make(chan io.Writer), done: make(chan error, 1), quit: make(chan struct{})}
	var begun error
	l.send(&errand{
		begin: func() {
			if begun = l.describeExport(b, at, besideMachine{x}); begun != nil {
				x.giveUp()
			} else {
				b.beside = x
			}
			ready <- begun
		},
		run: func(f *plugins.Fork) error { return x.run(l.node.stop, f) },
		answer: func(_ raft.Index, err error) {
			if b.beside == nil && begun == nil {
				ready <- err // it never began
			}
		},
	})
}

// describeExport says what a fork exports that stands for what is applied now.
func (l *applierLoop) describeExport(b *Backup, at int64, machine Recorded) error {
	a := l.applier
	m, ok := a.machine.(Upgradable)
	if !ok {
		return ErrMachineNotRunning
	}
	version, err := m.Version(l.node.ctx)
	if err != nil {
		return err
	}
	c := &SnapshotCapture{Index: a.applied, machine: machine}
	a.describe(c)
	events := lastEvent(m)
	c.state.Origin = &importOrigin{
		Index: uint64(a.applied) + a.restored.Ahead, Time: max(a.logTime, m.Clock()), WallTime: at, Version: version,
		EventIndex: events.Index, EventN: events.N,
	}
	b.describe(c)
	return nil
}

// writtenState is a state that lies in memory.
type writtenState struct{ bytes.Buffer }

// Close implements Recorded.
func (*writtenState) Close() {}

// besideExport is an export on a fork, which waits for somebody to write to.
type besideExport struct {
	out  chan io.Writer
	done chan error
	quit chan struct{}
	once sync.Once
}

// run is the errand's.
func (x *besideExport) run(stop <-chan struct{}, f *plugins.Fork) error {
	select {
	case w := <-x.out:
		x.done <- f.Export(w) // Why not returned: it is the reader's, the fork is well
	case <-x.quit:
	case <-stop:
	}
	return nil
}

// besideMachine is the machine's part of a capture that a fork exports.
type besideMachine struct{ x *besideExport }

// WriteTo implements Recorded: it hands the writer to the fork.
func (m besideMachine) WriteTo(w io.Writer) (int64, error) {
	var sum exportSum
	select {
	case m.x.out <- io.MultiWriter(w, &sum):
		err := <-m.x.done
		return sum.bytes, err
	case <-m.x.quit:
		return 0, ErrStopping
	}
}

// Close implements Recorded.
func (m besideMachine) Close() { m.x.giveUp() }

func (x *besideExport) giveUp() { x.once.Do(func() { close(x.quit) }) }
