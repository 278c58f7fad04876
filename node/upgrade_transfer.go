package node

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/wraft/wraft/plugins"
)

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
func transfer(ctx context.Context, from, to Upgradable, at plugins.Moment, version uint32) (exported, restored error) {
	next, stop := iter.Pull(func(yield func([]byte) bool) {
		exported = from.Export(ctx, chunkWriter(yield))
	})
	defer stop()
	r := &chunkReader{next: next, failed: func() bool { return exported != nil }}
	restored = to.Import(ctx, at, r, version)
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
