package node

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// applyExport obeys an export entry: everything or nothing of it, as an upgrade from a
// run to itself. Why an entry: an instance that took a state back has another memory
// than the one that wrote it, so that all replicas have to do it at the same place, and
// one that begins from the file does what they did.
//
// The error is trouble of this node alone, or an *AwaitModuleError.
func (a *Applier) applyExport(ctx context.Context, e raft.Entry, at plugins.Moment, c Command) ([]Applied, error) {
	var o ExportOrder
	if err := batchDecoding.Unmarshal(c.Data, &o); err != nil || a.upgrades.opener == nil {
		return []Applied{{Answer: Answer{Index: e.Index, Term: e.Term, Status: plugins.StatusMalformed, Data: []byte("not an export of this group")}}}, nil
	}
	out := ExportOutcome{Index: e.Index}
	if o.After != a.exported.Index || a.pending != nil {
		out.Status = StatusExportStale
		return exportAnswer(e, out)
	}
	reason, err := a.renew(ctx, e.Index, at)
	if err != nil {
		var await *AwaitModuleError
		if errors.As(err, &await) {
			return nil, err
		}
		return nil, fmt.Errorf("node: export of group %d at index %d: %w", a.group, e.Index, err)
	}
	if out.Reason = reason; reason != "" {
		out.Status = StatusExportRefused
		a.points.refused = true
	}
	a.exported, a.points.due = out, false
	return exportAnswer(e, out)
}

func exportAnswer(e raft.Entry, o ExportOutcome) ([]Applied, error) {
	data, err := encodeUpgrade(o)
	return []Applied{{Answer: Answer{Index: e.Index, Term: e.Term, Status: o.Status, Data: data}}}, err
}

// LastExport is the outcome of the newest export entry, refused ones included; Index
// 0 when there was none.
func (a *Applier) LastExport() ExportOutcome { return a.exported }

// exportWords tell the outcome of an export.
var exportWords = handoverWords{
	start: "a fresh instance does not start", version: "the module does not say its version",
	export: "the module does not export its state", restore: "the module does not take its state back",
}

// renew changes the applier's machine to a fresh instance of what it runs, or says why
// not and leaves it as it is. What the old one wrote is kept for a snapshot.
func (a *Applier) renew(ctx context.Context, index raft.Index, at plugins.Moment) (reason string, err error) {
	old, ok := a.machine.(Upgradable)
	if !ok {
		return "the machine has no exports", nil
	}
	h, reason, err := a.handOver(ctx, index, at, old, a.upgrades.running.Run, exportWords)
	if reason != "" || err != nil {
		return reason, err
	}
	a.machine = h.next
	rest, err := retire(ctx, old)
	if err != nil {
		return "", err
	}
	a.points.exported = &exportedState{from: rest, want: h.crossed, origin: importOrigin{
		Index: h.created.Index, Time: h.created.Time, WallTime: h.created.WallTime, Version: h.version, EventIndex: h.events.Index, EventN: h.events.N,
	}}
	return "", nil
}

// exporter is what is left of a machine whose place another instance has taken.
type exporter interface {
	Export(ctx context.Context, w io.Writer) error
	Close(ctx context.Context) error
}

// retire takes from a machine all but what it needs to export its state once more.
// Why more than the machine itself: calls beside it hold forks of it.
func retire(ctx context.Context, old Upgradable) (exporter, error) {
	if i, ok := old.(*plugins.Instance); ok {
		return i.Retire(ctx)
	}
	return old, nil
}

// exportSum tells one export from another.
type exportSum struct {
	bytes int64
	sum   uint32 // CRC-32C
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Write implements io.Writer.
func (t *exportSum) Write(b []byte) (int, error) {
	t.bytes += int64(len(b))
	t.sum = crc32.Update(t.sum, castagnoli, b)
	return len(b), nil
}

// importOrigin is what a fresh instance has to be told, besides the exported state, to
// become what the replicas have that lived through the entry.
type importOrigin struct {
	_          struct{} `cbor:",toarray"`
	Index      uint64   // its first moment
	Time       int64
	WallTime   int64
	Version    uint32 // of the module
	EventIndex uint64 // of the newest event before it
	EventN     int
	State      plugins.StateHash // what must come of it; zero when that is not known
}

func (o importOrigin) moment() plugins.Moment {
	return plugins.Moment{Index: o.Index, Time: o.Time, WallTime: o.WallTime}
}

// exportedState is the state that crossed over at an export entry, still to be written.
type exportedState struct {
	from   exporter
	want   exportSum
	origin importOrigin
}

// WriteTo implements Recorded. Why it is exported once more, and not kept when it
// crossed: nothing of its size fits in memory, and a machine must not wait for a disk.
func (s *exportedState) WriteTo(w io.Writer) (int64, error) {
	var got exportSum
	if err := s.from.Export(context.Background(), io.MultiWriter(w, &got)); err != nil {
		return got.bytes, fmt.Errorf("export once more: %w", err)
	}
	if got != s.want {
		return got.bytes, fmt.Errorf("%w: exported once more a state makes %+v, at first it was %+v", plugins.ErrDamaged, got, s.want)
	}
	return got.bytes, nil
}

// Close implements Recorded.
func (s *exportedState) Close() { _ = s.from.Close(context.Background()) } // it holds nothing that is needed any more

// takeBack gives a fresh machine the exported state of a snapshot. Errors: those of r;
// ErrSnapshotState when the module does not make of it what it made at the entry.
func (o importOrigin) takeBack(ctx context.Context, machine Machine, r io.Reader) error {
	m, ok := machine.(Upgradable)
	if !ok {
		return fmt.Errorf("%w: the machine takes no exports", ErrSnapshotState)
	}
	err := m.Import(ctx, o.moment(), r, o.Version)
	if guest := (*plugins.GuestError)(nil); errors.As(err, &guest) {
		return fmt.Errorf("%w: %w", ErrSnapshotState, err)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, r) // what a module leaves unread was dropped at the entry, too
	}
	succeed(machine, plugins.EventKey{Index: o.EventIndex, N: o.EventN})
	if h, ok := machine.(StateHasher); ok && err == nil && o.State != (plugins.StateHash{}) {
		var state plugins.StateHash
		if state, err = h.StateHash(); err == nil && state != o.State {
			err = fmt.Errorf("%w: it makes state %v and not %v", ErrSnapshotState, state, o.State)
		}
	}
	return err
}
