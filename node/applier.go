package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// Ticket is a caller's handle on a command or query: opaque to the step
// machines, given back with the answer.
type Ticket any

// applyReadBytesMax bounds what an applier reads from storage at a time.
const applyReadBytesMax = 4 << 20

// ApplyWork is a committed range and who waits for which of its entries.
type ApplyWork struct {
	Range   raft.ApplyRange
	Waiting map[raft.Index][]Ticket // by index, in the order of the entry's commands
}

// Applied is the answer to one waiting command.
type Applied struct {
	Ticket   Ticket
	Answer   Answer
	Replayed bool
	Fuel     int64 // that its entry spent, all commands of it together
}

// Applier runs the committed entries of one group through its machine and keeps
// the replicated state around it: sessions, keys, log time, applied index. It is a step
// machine: one goroutine calls it, it starts none.
type Applier struct {
	group    raft.GroupID
	machine  Machine
	entries  EntryReader
	sessions *Sessions
	keys     *Keys

	applied  raft.Index
	term     raft.Term // of the last batch, on which log time rests
	termBase int64     // log time when that term's first batch was applied
	logTime  int64     // ns, never goes back
	commands uint64    // executed by the machine, part of its state
	work     *Work     // counted here; its owner may hand it to the next applier
	fuel     int64     // spent by the machine's last entry
	upgrades upgrades
	exported ExportOutcome // the newest; Index 0 is none
	checks   []StateCheck  // since TakeChecks
	points   snapshotPoints
	pending  *restoring // nil unless the machine waits for its state
	restored restoredFrom
	feed     *eventFeed // nil: nobody reads the machine's events

	// What applying an entry needs, kept to save allocations; nothing in it lasts.
	decoded   []Command
	scratch   [][]byte
	scratchAt []int
	answers   []Applied
}

// NewApplier returns an applier at index 0.
func NewApplier(g raft.GroupID, m Machine, entries EntryReader) *Applier {
	return &Applier{group: g, machine: m, entries: entries, sessions: NewSessions(), keys: NewKeys(), work: new(Work)}
}

// Applied is the index of the last entry that ran through the machine.
func (a *Applier) Applied() raft.Index { return a.applied }

// Apply runs a range and returns the answers of those who wait. An error is final
// for this replica: the range may have been applied in part. Only *AwaitModuleError
// asks for another try, with what ApplyWork.After leaves.
func (a *Applier) Apply(ctx context.Context, w ApplyWork) ([]Applied, error) {
	if w.Range.First != a.applied+1 {
		return nil, fmt.Errorf("node: apply of group %d: range starts at %d, applied is %d", a.group, w.Range.First, a.applied)
	}
	if w.Range.First == w.Range.Last {
		return a.applyRange(ctx, w)
	}
	if m, ok := a.machine.(Gatherer); ok {
		m.Gather()
	}
	out, err := a.applyRange(ctx, w)
	if m, ok := a.machine.(Gatherer); ok {
		err = errors.Join(err, m.Settle())
	}
	return out, err
}

// applyRange is Apply, entry by entry.
func (a *Applier) applyRange(ctx context.Context, w ApplyWork) ([]Applied, error) {
	var out []Applied
	for a.applied < w.Range.Last {
		entries := w.Range.Entries
		if entries == nil {
			var err error
			if entries, err = a.entries.Entries(a.group, a.applied+1, w.Range.Last+1, applyReadBytesMax); err != nil {
				return out, fmt.Errorf("node: apply of group %d: read entries: %w", a.group, err)
			}
		}
		for _, e := range entries {
			if e.Index != a.applied+1 {
				return out, fmt.Errorf("node: apply of group %d: got entry %d, applied is %d", a.group, e.Index, a.applied)
			}
			answers, err := a.applyEntry(ctx, e)
			if err != nil {
				return out, err
			}
			a.applied = e.Index
			if err := a.check(); err != nil {
				return out, err // Why before: a state that is damaged is not to be recorded
			}
			if err := a.point(e); err != nil {
				return out, err
			}
			for i, t := range w.Waiting[e.Index] {
				out = append(out, Applied{Ticket: t, Answer: answers[i].Answer, Replayed: answers[i].Replayed, Fuel: a.fuel})
			}
			clear(a.decoded) // Why: the room is kept, what it leads to may be large
			clear(a.answers)
		}
	}
	return out, nil
}

// Query runs a read-only call on the state at the applied index.
func (a *Applier) Query(ctx context.Context, query []byte) (plugins.Result, error) {
	return a.machine.Query(ctx, query)
}

// Quick is Query if that is done soon. done is false when it is not: nothing has
// happened then, and a fork can answer it.
func (a *Applier) Quick(ctx context.Context, query []byte) (r plugins.Result, done bool, err error) {
	if m, ok := a.machine.(Forker); ok {
		return m.Quick(ctx, query)
	}
	r, err = a.machine.Query(ctx, query)
	return r, true, err
}

// Fork returns a copy of the machine at the applied index; nil if it makes none.
func (a *Applier) Fork(ctx context.Context) (*plugins.Fork, error) {
	if m, ok := a.machine.(Forker); ok {
		return m.Fork(ctx)
	}
	return nil, nil
}

// Digest is the SHA-256 of the machine's exported state, with the index it stands for.
func (a *Applier) Digest(ctx context.Context) ([32]byte, raft.Index, error) {
	h := sha256.New()
	if err := a.machine.Export(ctx, h); err != nil {
		return [32]byte{}, 0, err
	}
	return [32]byte(h.Sum(nil)), a.applied, nil
}

// Export writes the machine's state through its own export.
func (a *Applier) Export(ctx context.Context, w io.Writer) error { return a.machine.Export(ctx, w) }

// Close ends the machine.
func (a *Applier) Close(ctx context.Context) error {
	a.points.drop()
	if a.pending != nil {
		a.pending.drop(ctx)
	}
	return a.machine.Close(ctx)
}

// applyEntry applies an entry. The answers are valid until the next one.
func (a *Applier) applyEntry(ctx context.Context, e raft.Entry) ([]Applied, error) {
	a.fuel = 0
	if e.Type != raft.EntryCommand {
		return nil, nil
	}
	b, err := decodeBatchInto(a.decoded, e.Data)
	if err != nil {
		return nil, fmt.Errorf("node: apply of group %d, index %d: %w", a.group, e.Index, err)
	}
	a.decoded = b.Commands
	a.advance(e.Term, b.Elapsed)
	a.sessions.Advance(a.logTime)
	a.keys.Advance(a.logTime)
	at := plugins.Moment{Index: uint64(e.Index) + a.restored.Ahead, Time: a.logTime, WallTime: b.Wall}
	if len(b.Commands) == 1 {
		switch c := b.Commands[0]; c.Kind {
		case CommandUpgrade:
			return a.applyUpgrade(ctx, e, at, c)
		case CommandExport:
			return a.applyExport(ctx, e, at, c)
		case CommandRestore:
			return a.applyRestore(ctx, e, at, c)
		}
	}
	if a.pending != nil {
		out := refuseAll(e, b.Commands, StatusRestoring)
		a.work.fail(out)
		return out, nil
	}
	return a.applyBatch(ctx, e, at, b.Commands)
}

// refuseAll answers all commands of an entry with a status.
func refuseAll(e raft.Entry, commands []Command, status int32) []Applied {
	out := make([]Applied, len(commands))
	for i := range out {
		out[i].Answer = Answer{Index: e.Index, Term: e.Term, Status: status}
	}
	return out
}

// advance moves log time by the leader's elapsed time since it began to lead: a
// wall clock that jumps cannot move it, and it never goes back.
func (a *Applier) advance(t raft.Term, elapsed int64) {
	if t != a.term {
		a.term, a.termBase = t, a.logTime
	}
	a.logTime = max(a.logTime, a.termBase+max(elapsed, 0))
}
