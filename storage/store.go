package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/raft"
)

// Store holds the durable state of a node. See the package comment for who may
// call what at the same time.
type Store struct {
	dir       directory
	db        *pebble.DB
	lock      io.Closer
	modules   *Modules
	snapshots *Snapshots
	fatal     func(error)
	clock     clock.Clock
	meter     meter
	boot      uint64

	failure atomic.Pointer[error] // the first failed write; nil while all is well
	broken  atomic.Bool           // Pebble panicked: its locks may be held for ever
	closed  atomic.Bool
	commits atomic.Uint64 // names Commits, for group.owner

	// mu guards the fields below; it is never held across a write or read of the disk
	// except by CreateGroup, DeleteGroup and Bootstrap, which are rare.
	mu       sync.RWMutex
	identity *bootstrap
	groups   map[raft.GroupID]*group
}

// Open opens the data directory dir, which is made when it is missing, and counts
// a boot. It refuses a directory that is in use (ErrInUse), was written in another
// format (ErrFormat) or does not hold what was written (ErrDamaged). The entries
// of a group are not looked at before Restore.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	d, lock, err := openDirectory(dir, o.FS)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: d, lock: lock, fatal: o.Fatal, clock: o.Clock, groups: map[raft.GroupID]*group{}}
	if err := s.open(o); err != nil {
		_ = s.Close() // the first error is the one that tells
		return nil, err
	}
	return s, nil
}

func (s *Store) open(o Options) error {
	if err := s.dir.checkFormat(); err != nil {
		return err
	}
	var err error
	if s.db, err = openPebble(s.dir, o, s.fail); err != nil {
		return err
	}
	if s.modules, err = openModules(s); err != nil {
		return err
	}
	if s.snapshots, err = openSnapshots(s); err != nil {
		return err
	}
	if err = s.loadIdentity(); err != nil {
		return err
	}
	if err = s.loadGroups(); err != nil {
		return err
	}
	return s.countBoot()
}

// countBoot makes the next boot number durable before anyone can see it.
func (s *Store) countBoot() error {
	value, err := s.get(keyBoot)
	if err != nil {
		return err
	}
	if value != nil {
		r, err := openRecord(value)
		if err == nil {
			s.boot, err = r.uvarint(), r.end()
		}
		if err != nil {
			return &DamagedError{Why: "boot counter", Err: err}
		}
	} else if s.identity != nil {
		return &DamagedError{Why: "the boot counter is missing from a store that was in use"}
	}
	s.boot++
	return s.set(keyBoot, sealRecord(binary.AppendUvarint(newRecord(nil), s.boot)))
}

// Boot is the number of this Open among all of the directory's; the first is 1.
// It is durable before Open returns.
func (s *Store) Boot() uint64 { return s.boot }

// Modules is where the node's modules are stored.
func (s *Store) Modules() *Modules { return s.modules }

// Snapshots is where the groups' snapshot files are stored.
func (s *Store) Snapshots() *Snapshots { return s.snapshots }

// Metrics returns the counters and the sizes of this moment.
func (s *Store) Metrics() Metrics {
	m := s.meter.read()
	if s.usable() != nil {
		return m
	}
	p := s.db.Metrics()
	m.DiskBytes = p.DiskSpaceUsage()
	m.MemTableBytes = p.MemTable.Size
	return m
}

// Close gives the directory free. What Commit wrote without a sync is durable
// after a Close that returns nil.
//
// Why it moves everything into tables: rot in the last blocks of a log passes for
// its end, rot in a table is found. A node that was stopped keeps nothing in a log.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return ErrClosed
	}
	var err error
	if s.db != nil && s.failure.Load() == nil {
		err = guarded(s.db.Flush)
	}
	if s.db != nil && !s.broken.Load() {
		err = errors.Join(err, guarded(s.db.Close))
	}
	if err = errors.Join(err, s.lock.Close()); err != nil {
		return fmt.Errorf("storage: close: %w", err)
	}
	return nil
}

// usable returns why nothing may be done any more, or nil.
func (s *Store) usable() error {
	if s.closed.Load() {
		return ErrClosed
	}
	if p := s.failure.Load(); p != nil {
		return fmt.Errorf("%w: %w", ErrFailed, *p)
	}
	return nil
}

// fail records the first failure and tells the owner of the process.
func (s *Store) fail(err error) {
	if s.failure.CompareAndSwap(nil, &err) {
		s.fatal(err)
	}
}

// apply writes a batch. Any failure is final.
//
// Why the look at failure afterwards: Pebble reports a failed sync to its logger
// and then returns as if nothing had happened, trusting that the process ended.
func (s *Store) apply(b *pebble.Batch, sync bool) error {
	options := pebble.NoSync
	if sync {
		options = pebble.Sync
	}
	if err := s.guard(func() error { return s.db.Apply(b, options) }); err != nil {
		s.fail(fmt.Errorf("storage: write: %w", err))
	}
	return s.usable()
}

// guard is guarded that remembers when Pebble panicked.
func (s *Store) guard(f func() error) error {
	err := guarded(f)
	var p *panicError
	if errors.As(err, &p) {
		s.broken.Store(true)
	}
	return err
}

// guarded turns a panic of Pebble, its answer to some failed writes, into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicError{value: r}
		}
	}()
	return f()
}

type panicError struct{ value any }

// Error says what Pebble panicked with.
func (e *panicError) Error() string { return fmt.Sprintf("pebble panicked: %v", e.value) }

// get returns a copy of a value, nil when the key is missing.
func (s *Store) get(key []byte) ([]byte, error) {
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, readError(0, 0, err)
	}
	defer closer.Close()
	return append([]byte{}, value...), nil
}

// set writes one value durably.
func (s *Store) set(key, value []byte) error {
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.Set(key, value, nil); err != nil {
		return fmt.Errorf("storage: write: %w", err)
	}
	return s.apply(b, true)
}

// readError tells damage from a read that may work another time.
func readError(g raft.GroupID, i raft.Index, err error) error {
	if pebble.IsCorruptionError(err) {
		return &DamagedError{Group: g, Index: i, Why: "Pebble cannot read it", Err: err}
	}
	return fmt.Errorf("storage: read group %d index %d: %w", g, i, err)
}
