package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleFormat is the newest format of Pebble this version writes. From
// FormatWALSyncChunks on, replay tells a torn end of the log from rot in what was
// synced before it.
const pebbleFormat = pebble.FormatNewest

// openPebble opens the store's Pebble. fail hears of every write that failed.
//
// Why twice on a fresh store: Pebble creates its first log before the newest
// format is in force, and in that log bit-rot is taken for the end. The second
// opening begins a log in the newest format before anything is stored.
func openPebble(d directory, o Options, fail func(error)) (*pebble.DB, error) {
	path := d.join(pebbleName)
	desc, err := peekPebble(d, path)
	if err != nil {
		return nil, err
	}
	options := pebbleOptions(d, o, fail)
	if desc == nil {
		db, err := pebble.Open(path, options)
		if err != nil {
			return nil, openError(err)
		}
		if err := db.Close(); err != nil {
			return nil, openError(err)
		}
	} else if err := errors.Join(checkManifest(d, desc), dropRottenOptions(d, desc, options)); err != nil {
		return nil, err
	}
	db, err := pebble.Open(path, options)
	if err != nil {
		return nil, openError(err)
	}
	return db, nil
}

// firstManifest is the manifest of a Pebble that was opened once only.
const firstManifest = "MANIFEST-000001"

// peekPebble describes the Pebble at path; nil: there is none yet, or one whose first
// opening was cut off, so that nothing is stored in it.
func peekPebble(d directory, path string) (*pebble.DBDesc, error) {
	if !d.exists(pebbleName) {
		return nil, nil
	}
	desc, err := pebble.Peek(path, d.fs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, openError(err)
	case !desc.Exists || desc.FormatMajorVersion < pebbleFormat || d.fs.PathBase(desc.ManifestFilename) == firstManifest:
		return nil, nil
	}
	return desc, nil
}

// optionsBytesMax is far above the 3 KiB that Pebble writes about its options.
const optionsBytesMax = 1 << 20

// dropRottenOptions removes a file of options that Pebble would not open with. What it says
// is in pebbleOptions for as long as the FORMAT is this one, so that it can only be rot, and
// Pebble writes a new one.
func dropRottenOptions(d directory, desc *pebble.DBDesc, options *pebble.Options) error {
	if desc.OptionsFilename == "" {
		return nil
	}
	text, err := readFile(d.fs, desc.OptionsFilename, optionsBytesMax)
	if err != nil {
		return openError(err)
	}
	defaults := *options
	defaults.EnsureDefaults()
	rot := defaults.CheckCompatibility(d.join(pebbleName), string(text))
	if rot == nil {
		return nil
	}
	options.Logger.Errorf("a rotten file of options is removed, a new one written: %s: %v", desc.OptionsFilename, rot)
	if err := d.fs.Remove(desc.OptionsFilename); err != nil {
		return openError(err)
	}
	return nil
}

// What Pebble says of a table that was cut, and of one that a rotten manifest names and
// that is not there. It gives these no names to compare with.
const (
	sizeMismatch = "object size mismatch"
	noSuchTable  = "unknown to the objstorage provider"
)

// openError tells damage from what an operator can mend.
func openError(err error) error {
	if pebble.IsCorruptionError(err) || strings.Contains(err.Error(), sizeMismatch) || strings.Contains(err.Error(), noSuchTable) {
		return &DamagedError{Why: "Pebble cannot be opened", Err: err}
	}
	return fmt.Errorf("storage: open pebble: %w", err)
}

// pebbleOptions tunes Pebble for logs: written once, read seldom, deleted from
// the front.
func pebbleOptions(d directory, o Options, fail func(error)) *pebble.Options {
	logger := pebbleLogger{logger: o.Logger, fail: fail}
	options := &pebble.Options{
		FS:                          d.fs,
		FormatMajorVersion:          pebbleFormat,
		Logger:                      logger,
		CacheSize:                   o.CacheBytes,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		L0StopWritesThreshold:       24,
		WALBytesPerSync:             512 << 10,
		MaxOpenFiles:                500,
		EventListener:               logger.events(),
	}
	// Why: commands are opaque and often compressed by their authors; what the
	// processor would spend here is worth more to the machines.
	options.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	return options
}

// pebbleLogger takes what Pebble says. Its steady chatter is for debugging.
type pebbleLogger struct {
	logger *slog.Logger
	fail   func(error)
}

// Infof implements pebble.Logger.
func (l pebbleLogger) Infof(format string, args ...any) {
	l.logger.Debug("pebble", "says", lazyText{format, args})
}

// Errorf implements pebble.Logger.
func (l pebbleLogger) Errorf(format string, args ...any) {
	l.logger.Warn("pebble complains", "says", lazyText{format, args})
}

// Fatalf implements pebble.Logger: Pebble cannot go on.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.fail(fmt.Errorf("storage: pebble: %s", fmt.Sprintf(format, args...)))
}

// emptyFlush is how Pebble reports a flush that had nothing to write. It is no
// failure, and Pebble gives it no name to compare with.
const emptyFlush = "pebble: empty table"

// events hears of what fails in the background. A table that cannot be written is
// as final as a failed sync; one that cannot be read is damage, which the reads
// that need it will report.
func (l pebbleLogger) events() *pebble.EventListener {
	background := func(what string, err error) {
		if err == nil || errors.Is(err, pebble.ErrCancelledCompaction) || errors.Is(err, pebble.ErrClosed) {
			return
		}
		if pebble.IsCorruptionError(err) {
			l.logger.Error("a file of the store is damaged", "during", what, "err", err)
			return
		}
		l.fail(fmt.Errorf("storage: %s: %w", what, err))
	}
	return &pebble.EventListener{
		FlushEnd: func(i pebble.FlushInfo) {
			if i.Err == nil || i.Err.Error() != emptyFlush {
				background("flush", i.Err)
			}
		},
		CompactionEnd: func(i pebble.CompactionInfo) { background("compaction", i.Err) },
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			l.logger.Error("a file of the store is damaged", "says", lazyText{"%s", []any{i}})
		},
		BackgroundError: func(err error) { l.logger.Warn("pebble background error", "err", err) },
	}
}

// lazyText formats only when the record is kept.
type lazyText struct {
	format string
	args   []any
}

// LogValue implements slog.LogValuer.
func (t lazyText) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf(t.format, t.args...)) }
