package nodetest_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// diary is where watchedAdders note the entries which they apply.
type diary struct {
	mu sync.Mutex // guards at
	at []uint64
}

// begin forgets what was noted.
func (d *diary) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = nil
}

// since wants entries behind an index to have been applied, each once, and no others.
func (d *diary) since(index raft.Index) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, at := range d.at {
		if at <= uint64(index) || i > 0 && at <= d.at[i-1] {
			return fmt.Errorf("entries %v are applied, want what is behind %d, each once", d.at, index)
		}
	}
	return nil
}

// watchedAdders are adders that keep a diary.
type watchedAdders struct {
	adders
	diary *diary
}

// Open implements node.MachineOpener.
func (w watchedAdders) Open(ctx context.Context, artefact []byte, o node.OpenConfig) (node.Machine, error) {
	m, err := w.adders.Open(ctx, artefact, o)
	return &watchedAdder{m.(*adder), w.diary}, err
}

// Restore implements node.MachineRestorer.
func (w watchedAdders) Restore(ctx context.Context, artefact []byte, o node.OpenConfig, parts ...io.Reader) (node.Machine, error) {
	m, err := w.adders.Restore(ctx, artefact, o, parts...)
	return &watchedAdder{m.(*adder), w.diary}, err
}

type watchedAdder struct {
	*adder
	diary *diary
}

// Apply notes the entry.
func (w *watchedAdder) Apply(ctx context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	w.diary.mu.Lock()
	w.diary.at = append(w.diary.at, at.Index)
	w.diary.mu.Unlock()
	return w.adder.Apply(ctx, at, commands)
}

// withoutEntries is a node that gets no entries of the machine's log.
type withoutEntries struct{ transport.Handler }

// Deliver implements transport.Handler.
func (w withoutEntries) Deliver(from raft.Member, frames []transport.Frame) {
	frames = slices.Clone(frames)
	for i, f := range frames {
		if a, is := f.Payload.(raft.Append); is && f.Group == 2 {
			a.Entries = nil
			frames[i].Payload = a
		}
	}
	w.Handler.Deliver(from, frames)
}

// TestANodeRestartsFromItsSnapshot is N2: the snapshot ends before, at or behind the newest entry
// that a follower has. When it starts again it has what is in it without asking anybody, applies
// each entry behind it once and none before, and is sent no snapshot.
func TestANodeRestartsFromItsSnapshot(t *testing.T) {
	const id = raft.NodeID(1)
	for name, prepare := range map[string]func(ctx context.Context, b *bubble, s *stepper) bool{
		"below the last entry": func(ctx context.Context, b *bubble, s *stepper) bool {
			s.steps(ctx, 2, 1)
			b.settled(ctx)
			at := b.status(ctx, id, 2)
			return at.SnapshotIndex > 0 && at.SnapshotIndex+2 < at.LastIndex
		},
		"at the last entry": func(ctx context.Context, b *bubble, s *stepper) bool {
			s.steps(ctx, 2, 1)
			b.settled(ctx)
			time.Sleep(time.Second) // virtual: it is recorded, if it is due
			at := b.status(ctx, id, 2)
			return at.SnapshotIndex > 0 && at.SnapshotIndex == at.LastIndex
		},
		"beyond the last entry": func(ctx context.Context, b *bubble, s *stepper) bool {
			b.hears = func(_ raft.NodeID, h transport.Handler) transport.Handler { return withoutEntries{h} }
			b.bootBehind(ctx, s, id)
			b.hears = nil
			s.steps(ctx, 2, 1)
			b.eventually(ctx, "it has installed a snapshot", func() bool { return b.nodes[id].node.SnapshotStats().Installed == 1 })
			at := b.status(ctx, id, 2)
			return at.SnapshotIndex == at.LastIndex && at.LastIndex < b.status(ctx, 2, 2).LastIndex
		},
	} {
		t.Run(name, func(t *testing.T) {
			applied := &diary{}
			setUp := func(b *bubble) {
				b.opener = func(raft.NodeID) node.MachineOpener { return watchedAdders{adders{ballast: 100 << 10}, applied} }
			}
			inSteadyBubbles(t, 0, setUp, func(ctx context.Context, t *testing.T, b *bubble) {
				s := b.newStepper(ctx)
				b.lead(ctx, 2)
				s.steps(ctx, 2, 3)
				time.Sleep(5 * time.Second) // virtual: the next sync takes along that the catalogue is committed
				for !prepare(ctx, b, s) {
					if ctx.Err() != nil {
						t.Fatal("the snapshot is never where it should be")
					}
				}
				was := b.status(ctx, id, 2)
				disk := b.crash(id)
				applied.begin()
				b.router.isolate(bubbleAddr(id))
				b.boot(id, disk)
				b.eventually(ctx, "it has what is in the snapshot", func() bool {
					r, err := b.nodes[id].node.Ask(ctx, "adder", node.Ask{Mode: raft.ReadLocal, MinIndex: was.SnapshotIndex})
					return err == nil && r.Applied >= was.SnapshotIndex
				})
				b.router.rejoin(bubbleAddr(id))
				b.expectSum(ctx, id, s.sum())
				if got := b.nodes[id].node.SnapshotStats(); got.Installed != 0 || got.ReceivedBytes != 0 {
					t.Errorf("%+v: it needed another snapshot", got)
				}
				if err := applied.since(was.SnapshotIndex); err != nil {
					t.Error(err)
				}
				b.expectAlike(ctx, s.sum())
			})
		})
	}
}

// TestAFollowerKeepsItsLog is N1: a follower is killed, and starts again so many commands later.
// It applies each entry once and is sent what it lacks, and nothing of what it has.
func TestAFollowerKeepsItsLog(t *testing.T) {
	const kept = 300
	for _, missed := range []int{0, 10, 100} {
		t.Run(fmt.Sprint(missed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				applied := &diary{}
				b := newBubbleOf(t, func(id raft.NodeID) node.MachineOpener {
					if id != 1 {
						return adders{}
					}
					return watchedAdders{diary: applied}
				}, nil)
				defer b.close()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				b.deploy(ctx, 2, "adder", []byte("any bytes"))
				s := b.newStepper(ctx)
				b.lead(ctx, 2)
				s.steps(ctx, 2, kept)
				b.settled(ctx)
				disk := b.crash(1)
				s.steps(ctx, 2, missed)
				applied.begin()
				b.boot(1, disk)
				b.expectAlike(ctx, s.sum())
				var bytes uint64
				for _, l := range b.networks[1].Links() {
					bytes += l.RecvBytes
				}
				if most := uint64(missed*stepBytes*5/4 + kept*stepBytes/10); bytes < uint64(missed*stepBytes) || bytes > most {
					t.Errorf("%d bytes came for %d commands of %d, want %d at most", bytes, missed, stepBytes, most)
				}
				if err := applied.since(0); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
