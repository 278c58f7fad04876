package storage

import (
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/wraft/wraft/internal/clock"
)

// ExitCode is that of a process whose disk failed: no supervisor should start it again.
const ExitCode = 10

// Options says how a Store is opened. The zero value is useful.
type Options struct {
	// FS holds every file of the store. Default: the operating system's.
	FS vfs.FS
	// Logger takes what Pebble and the store have to say. Default: nothing is logged.
	Logger *slog.Logger
	// Fatal is called once, with the first write or sync that failed: what the disk
	// holds is unknown from then on. It may be called from any goroutine and must
	// not call the store. Default: log the error and end the process with ExitCode.
	Fatal func(error)
	// Clock times the syncs for Metrics. Default: clock.System().
	Clock clock.Clock
	// MinFreeBytes is the low-water mark: with less space free nothing large is begun, see
	// Space. It should be several times MemTableBytes. Default 0: nothing is watched.
	MinFreeBytes uint64
	// BallastBytes is the size of a file that holds space back for a full disk. Default 0:
	// there is none. It should be at least a quarter of MinFreeBytes, which is what an
	// opening asks for.
	BallastBytes uint64
	// MemTableBytes is how much Pebble gathers in memory before it writes a table;
	// up to two such amounts are held. Default 16 MiB, at least 64 KiB.
	MemTableBytes uint64
	// SetAside has Open move what a damaged directory holds into a folder of it, rather than
	// fail with ErrDamaged, and begin anew. Only for a node whose data others have.
	SetAside bool
	// CacheBytes bounds the cache of table blocks. Default 16 MiB.
	CacheBytes int64
}

const (
	memTableBytesDefault = 16 << 20
	memTableBytesMin     = 64 << 10
	cacheBytesDefault    = 16 << 20
)

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Fatal == nil {
		logger := o.Logger
		o.Fatal = func(err error) {
			logger.Error("the disk failed and this node ends; replace the disk of the data directory before it is started again, the other nodes hold the data", "code", "WRAFT-7009", "err", err)
			os.Exit(ExitCode)
		}
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = memTableBytesDefault
	}
	o.MemTableBytes = max(o.MemTableBytes, memTableBytesMin)
	if o.CacheBytes == 0 {
		o.CacheBytes = cacheBytesDefault
	}
	return o
}
