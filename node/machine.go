package node

import (
	"context"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// Machine is a replicated state machine as an applier drives it: a WASM instance,
// or the meta group's machine written in Go. It belongs to one goroutine. An
// error is a failure of this replica alone, which then stops; what the module
// does wrong is a Result, equal on every replica.
type Machine interface {
	Apply(ctx context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error)
	Query(ctx context.Context, query []byte) (plugins.Result, error)
	Export(ctx context.Context, w io.Writer) error
	Close(ctx context.Context) error
}

// Forker is a Machine that can answer beside its applies what takes long. All but
// the Fork's own calls belong to the machine's goroutine.
type Forker interface {
	// Quick answers a query unless that takes long: then done is false and nothing
	// has happened.
	Quick(ctx context.Context, query []byte) (r plugins.Result, done bool, err error)
	// Fork copies the machine's state. plugins.ErrForks: not now.
	Fork(ctx context.Context) (*plugins.Fork, error)
}

var _ Forker = (*plugins.Instance)(nil)

// Gatherer is a Machine that has less to do when it may put off what makes it safe
// against its next call: see plugins.Instance.
type Gatherer interface {
	// Gather says that several calls of Apply come one after the other.
	Gather()
	// Settle ends that.
	Settle() error
}

var _ Gatherer = (*plugins.Instance)(nil)

// Metered is a Machine that knows what its calls cost.
type Metered interface {
	// FuelUsed is what the last Apply spent, in units of fuel.
	FuelUsed() int64
}

var _ Metered = (*plugins.Instance)(nil)

// EntryReader reads entries that are no longer in a core's memory.
type EntryReader interface {
	// Entries returns entries [lo, hi), at least one and then at most bytesMax.
	// The caller owns the slice; entry data is immutable.
	Entries(g raft.GroupID, lo, hi raft.Index, bytesMax uint64) ([]raft.Entry, error)
}
