package node

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// handover is a state that has gone from one instance to another. Both live.
type handover struct {
	next    Upgradable
	created plugins.Moment   // its first
	version uint32           // of the module that wrote the state
	events  plugins.EventKey // of the newest that the old one has emitted
	crossed exportSum
}

// eventKeeper is a machine whose events are kept. Why a successor is told of those that
// it does not have: who asks it for them must hear that they are gone.
type eventKeeper interface {
	LastEvent() plugins.EventKey
	DroppedEvent() plugins.EventKey
	EventsAfter(plugins.EventKey) (events []plugins.Event, complete bool)
	EventBytesMax() int
	Succeed(last plugins.EventKey)
}

var _ eventKeeper = (*plugins.Instance)(nil)

// lastEvent is the place of the newest event of a machine, zero of one that keeps none.
func lastEvent(m Machine) plugins.EventKey {
	if k, ok := m.(eventKeeper); ok {
		return k.LastEvent()
	}
	return plugins.EventKey{}
}

// succeed tells a machine what the newest event of the one before it was.
func succeed(m Machine, last plugins.EventKey) {
	if k, ok := m.(eventKeeper); ok {
		k.Succeed(last)
	}
}

// handoverWords say what a module did not do.
type handoverWords struct{ start, version, export, restore string }

// upgradeWords tell the outcome of an upgrade.
var upgradeWords = handoverWords{
	start: "the new module does not start", version: "the old module does not say its version",
	export: "the old module does not export its state", restore: "the new module does not take the state",
}

// handOver starts an instance of a run and has it take over the state of the old one,
// which is as it was, whatever happens.
func (a *Applier) handOver(ctx context.Context, index raft.Index, at plugins.Moment, old Upgradable, run MachineRun, words handoverWords) (h handover, reason string, err error) {
	h.created = at
	h.created.Time = max(at.Time, old.Clock()) // a machine's time never goes back
	h.next, err = a.upgrades.opener.OpenSuccessor(ctx, run, h.created)
	if errors.Is(err, ErrNoModule) {
		return h, "", &AwaitModuleError{Module: run.Artefact, Index: index}
	}
	if err != nil {
		reason, err = a.refuseOrHalt(words.start, err)
		return h, reason, err
	}
	if reason, err = a.takeOver(ctx, old, &h, words); reason != "" || err != nil {
		_ = h.next.Close(ctx) // it holds nothing that is needed
	}
	return h, reason, err
}

// takeOver moves the state.
func (a *Applier) takeOver(ctx context.Context, old Upgradable, h *handover, words handoverWords) (reason string, err error) {
	if h.version, err = old.Version(ctx); err != nil {
		return a.refuseOrHalt(words.version, err)
	}
	exported, restored := transfer(ctx, old, h, h.version)
	switch {
	case exported != nil:
		return a.refuseOrHalt(words.export, exported)
	case restored != nil:
		return a.refuseOrHalt(words.restore, restored)
	}
	a.feed.follow(old)
	h.events = lastEvent(old)
	succeed(h.next, h.events)
	return "", nil
}

// errAbandoned ends an export that nobody reads any more.
var errAbandoned = errors.New("node: the restore has ended")

// errExportEnded is what a restore reads behind an export that failed.
var errExportEnded = errors.New("node: the export failed")

// transfer hands the state of one instance to another: what the old one's
// snapshot export writes, the new one's restore export reads at once, so that no
// copy of the whole state lies in between. What the restore leaves unread is
// written all the same, since the export may still fail.
//
// Why a coroutine and not a pipe between goroutines: the two run in turns, so who
// fails first follows from the state alone and is the same on every replica.
func transfer(ctx context.Context, from exporter, h *handover, version uint32) (exported, restored error) {
	next, stop := iter.Pull(func(yield func([]byte) bool) {
		exported = from.Export(ctx, io.MultiWriter(chunkWriter(yield), &h.crossed))
	})
	defer stop()
	r := &chunkReader{next: next, failed: func() bool { return exported != nil }}
	restored = h.next.Import(ctx, h.created, r, version)
	for restored == nil {
		if _, ok := next(); !ok {
			break
		}
	}
	stop()
	if errors.Is(exported, errAbandoned) {
		exported = nil
	}
	return exported, restored
}

// chunkWriter passes on each write and waits until it is read.
type chunkWriter func([]byte) bool

// Write implements io.Writer.
func (yield chunkWriter) Write(b []byte) (int, error) {
	if !yield(b) {
		return 0, errAbandoned
	}
	return len(b), nil
}

// chunkReader reads what a chunkWriter is given.
type chunkReader struct {
	next   func() ([]byte, bool)
	failed func() bool // the writer ended with an error
	rest   []byte
}

// Read implements io.Reader.
func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		chunk, ok := r.next()
		if !ok && r.failed() {
			return 0, errExportEnded
		}
		if !ok {
			return 0, io.EOF
		}
		r.rest = chunk
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
