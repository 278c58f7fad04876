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
	space     *Space
	fatal     func(error)
	clock     clock.Clock
	meter     meter
	boot      uint64
	lost      bool // Pebble did not hold everything that was acknowledged
	mark      *mark
	votes     *votes

	// order guards sequence, and is held while a batch is numbered and takes its place in
	// Pebble's log: the numbers there ascend. It is not held across a sync.
	order    sync.Mutex
	sequence uint64 // of the newest synced batch

	failure atomic.Pointer[error] // the first failed write; nil while all is well
	broken  atomic.Bool           // Pebble panicked: its locks may be held for ever
	closed  atomic.Bool
	commits atomic.Uint64 // names Commits, for group.owner

	// mu guards the fields below; it is never held across a write or read of the disk
	// except by CreateGroup, DeleteGroup and Bootstrap, which are rare.
	mu       sync.RWMutex
	identity *bootstrap
	// identityStored says that Pebble has the identity too.
	identityStored bool
	groups         map[raft.GroupID]*group
}

// Open opens the data directory dir, which is made when it is missing, and counts
// a boot. It refuses a directory that is in use (ErrInUse), was written in another
// format (ErrFormat), does not hold what was written (ErrDamaged), or has too little
// space on its disk (ErrDiskFull). All entries of
// all groups are read and checked. Damage is ErrDamaged only when the files beside
// Pebble are damaged, too; otherwise the directory goes on with what is whole, or
// with an empty Pebble, and Restore says of each group that it is damaged. With
// Options.SetAside damage is never an error: see Bereft.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	d, lock, err := openDirectory(dir, o.FS)
	if err != nil {
		return nil, err
	}
	s := newStore(d, lock, o)
	err = s.open(o)
	if o.SetAside && errors.Is(err, ErrDamaged) && !errors.Is(err, errMixed) {
		s.letGo()
		s = newStore(d, lock, o)
		if err = d.setAsideAll(err, o.Logger); err == nil {
			err = s.open(o)
		}
	}
	if err != nil {
		_ = s.Close() // the first error is the one that tells
		return nil, err
	}
	return s, nil
}

func newStore(d directory, lock io.Closer, o Options) *Store {
	return &Store{dir: d, lock: lock, space: newSpace(d, o), fatal: o.Fatal, clock: o.Clock, groups: map[raft.GroupID]*group{}}
}

// letGo closes the files of a store that is not going to be used; the lock stays.
func (s *Store) letGo() {
	if s.db != nil {
		_ = guarded(s.db.Close) // it is damaged
	}
	if s.mark != nil {
		_ = s.mark.close(false)
	}
	if s.votes != nil {
		_ = s.votes.close()
	}
}

func (s *Store) open(o Options) error {
	if err := s.space.admit(); err != nil {
		return err
	}
	if err := s.checkFormat(o.Logger); err != nil {
		return err
	}
	copies, err := readCopies(s.dir)
	if err != nil {
		return err
	}
	err = s.openLogs(o, &copies)
	if errors.Is(err, ErrDamaged) && !errors.Is(err, errMixed) && copies.canReplace() {
		o.Logger.Error("the store is damaged and set aside; this node neither votes nor counts until it got its logs from others", "err", err)
		if err = s.setAside(); err == nil {
			err = s.openLogs(o, &copies)
		}
	}
	if err != nil {
		return err
	}
	if s.modules, err = openModules(s, o.Logger); err != nil {
		return err
	}
	if s.snapshots, err = openSnapshots(s); err != nil {
		return err
	}
	return s.countBoot(copies)
}

// openLogs opens Pebble and checks everything in it.
func (s *Store) openLogs(o Options, c *copies) error {
	var err error
	if s.db, err = openPebble(s.dir, o, s.fail); err != nil {
		return err
	}
	if err = s.loadIdentity(c); err != nil {
		return err
	}
	if err = s.loadGroups(); err != nil {
		return err
	}
	if err = s.compare(c, o.Logger); err != nil {
		return err
	}
	boot, found, err := s.number(keyBoot, "boot counter")
	if err != nil {
		return err
	}
	if !found && s.identityStored {
		return &DamagedError{Why: "the boot counter is missing from a store that was in use"}
	}
	s.boot = max(boot, c.mark.boot, uint64(c.votes[0].term)) + 1
	for _, g := range s.groups {
		if g.first, err = s.restore(g); err != nil {
			return err
		}
	}
	return nil
}

// countBoot makes the next boot number durable before anyone can see it, and with
// it which replicas are damaged from now on.
func (s *Store) countBoot(c copies) error {
	var err error
	c.votes[0] = vote{term: raft.Term(s.boot)}
	if s.votes, err = openVotes(s.dir, c.votes); err != nil {
		return err
	}
	if s.mark, err = openMark(s.dir, markSlot{boot: s.boot, sequence: s.sequence}, s.fail); err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer b.Close()
	err = b.Set(keyBoot, numberRecord(s.boot), nil)
	if s.identity != nil && !s.identityStored {
		err = errors.Join(err, b.Set(keyIdentity, s.identity.encode(), nil))
	}
	for _, g := range s.groups {
		err = errors.Join(err, s.settle(g, b))
	}
	if err != nil {
		return fmt.Errorf("storage: write: %w", err)
	}
	return s.apply(b, true)
}

// settle puts into the first batch what the copies know better than Pebble: the
// replica's term and vote, and that its log is damaged.
func (s *Store) settle(g *group, b *pebble.Batch) error {
	var err error
	if s.lost {
		g.first.Damaged = true
		err = b.Set(groupKey(keyPrefixDamage, g.id), numberRecord(uint64(g.id)), nil)
	}
	if v := s.votes.known[g.id]; v.ahead(g.first.HardState) {
		g.first.HardState.Term, g.first.HardState.Vote = v.term, v.node
		err = errors.Join(err, b.Set(groupKey(keyPrefixHardState, g.id), appendHardState(nil, g.id, g.first.HardState), nil))
	}
	return err
}

// number reads a record of one number.
func (s *Store) number(key []byte, what string) (n uint64, found bool, err error) {
	value, err := s.get(key)
	if err != nil || value == nil {
		return 0, false, err
	}
	r, err := openRecord(value)
	if err == nil {
		n, err = r.uvarint(), r.end()
	}
	if err != nil {
		return 0, false, &DamagedError{Why: what, Err: err}
	}
	return n, true, nil
}

func numberRecord(n uint64) []byte {
	return sealRecord(binary.AppendUvarint(newRecord(nil), n))
}

// Boot is the number of this Open among all of the directory's; the first is 1.
// It is durable before Open returns.
func (s *Store) Boot() uint64 { return s.boot }

// Modules is where the node's modules are stored.
func (s *Store) Modules() *Modules { return s.modules }

// Snapshots is where the groups' snapshot files are stored.
func (s *Store) Snapshots() *Snapshots { return s.snapshots }

// Space watches the room on the directory's disk.
func (s *Store) Space() *Space { return s.space }

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
	// Why not on a full disk: Pebble, which begins a new log then, would end the process.
	if s.db != nil && s.failure.Load() == nil && s.space.admit() == nil {
		err = guarded(s.db.Flush)
	}
	if s.db != nil && !s.broken.Load() {
		err = errors.Join(err, guarded(s.db.Close))
	}
	if s.mark != nil {
		err = errors.Join(err, s.mark.close(err == nil && s.failure.Load() == nil))
	}
	if s.votes != nil {
		err = errors.Join(err, s.votes.close())
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
	if !sync {
		if err := s.guard(func() error { return s.db.Apply(b, pebble.NoSync) }); err != nil {
			s.fail(fmt.Errorf("storage: write: %w", err))
		}
		return s.usable()
	}
	var sequence uint64
	err := s.guard(func() error {
		var err error
		if sequence, err = s.enqueue(b); err != nil {
			return err
		}
		return b.SyncWait()
	})
	if err != nil {
		s.fail(fmt.Errorf("storage: write: %w", err))
	}
	if err := s.usable(); err != nil {
		return err
	}
	if err := s.mark.advance(sequence); err != nil {
		s.fail(err)
	}
	return s.usable()
}

// enqueue gives a batch its number and its place in Pebble's log, whose sync has
// begun when it returns.
func (s *Store) enqueue(b *pebble.Batch) (uint64, error) {
	s.order.Lock()
	defer s.order.Unlock()
	sequence := s.sequence + 1
	if err := b.Set(keySequence, numberRecord(sequence), nil); err != nil {
		return 0, err
	}
	if err := s.db.ApplyNoSyncWait(b, pebble.Sync); err != nil {
		return 0, err
	}
	s.sequence = sequence
	return sequence, nil
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
