package node

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

const (
	// scrubStepBytes is how much is read at once, at most; then the disk gets a rest.
	scrubStepBytes = 256 << 10
	// scrubEntriesMax bounds the entries that are read at once.
	scrubEntriesMax = 1024
)

// scrub is the goroutine that reads what lies on the disk and nobody reads, so that rot
// is found while the other nodes still have what it took: logs, snapshots, modules.
//
// A snapshot or a module that rotted is put away and replaced. An entry that rotted ends
// the process: acknowledged entries are missing, and a start finds out how many, and gets
// them from the others without the replica's vote counting meanwhile.
type scrub struct {
	node  *Node
	meter scrubMeter
}

type scrubMeter struct{ passes, bytes, damaged atomic.Uint64 }

// ScrubStats are sums since the start of the process.
type ScrubStats struct {
	Passes  uint64 // that ended
	Bytes   uint64 // read
	Damaged uint64 // snapshots, modules and entries found
}

// ScrubStats returns what reading over the disk came to.
func (n *Node) ScrubStats() ScrubStats {
	m := &n.scrub.meter
	return ScrubStats{Passes: m.passes.Load(), Bytes: m.bytes.Load(), Damaged: m.damaged.Load()}
}

// run goes over the disk once in each interval. The first time comes at a random moment
// of one, so that not all nodes read at once.
func (s *scrub) run() {
	interval := s.node.cfg.ScrubInterval
	chance := rand.New(rand.NewPCG(s.node.cfg.Seed, uint64(s.node.cfg.Self)))
	wait := time.Duration(chance.Int64N(int64(interval)))
	for s.rest(wait) {
		began := s.node.clock.Now()
		if err := s.pass(); err != nil {
			return
		}
		wait = max(interval-(s.node.clock.Now()-began), 0)
	}
}

// rest waits; false: the node stops.
func (s *scrub) rest(d time.Duration) bool {
	timer := s.node.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-s.node.stop:
		return false
	}
}

// pace counts bytes that were read and rests for as long as they may take.
func (s *scrub) pace(bytes int) error {
	s.meter.bytes.Add(uint64(bytes))
	if !s.rest(time.Duration(float64(bytes) / float64(s.node.cfg.ScrubBytesPerSecond) * float64(time.Second))) {
		return ErrStopping
	}
	return nil
}

// pass reads everything once. The error is ErrStopping, or why the node ends.
func (s *scrub) pass() error {
	n := s.node
	groups, err := n.store.Groups()
	if err != nil {
		n.log.Warn("the disk cannot be read over", "err", err)
	}
	for _, id := range groups {
		if err := s.entries(id); err != nil {
			return err
		}
		if err := s.snapshotsOf(id); err != nil {
			return err
		}
	}
	if err := s.modules(); err != nil {
		return err
	}
	s.meter.passes.Add(1)
	n.log.Debug("the disk was read over", "bytes", s.meter.bytes.Load(), "damaged", s.meter.damaged.Load())
	return nil
}

// entries reads a group's log, each entry checked, from where it begins to its end.
func (s *scrub) entries(id raft.GroupID) error {
	for next := raft.Index(0); ; {
		begin, ok := s.logBegin(id)
		next = max(next, begin)
		if !ok {
			return nil
		}
		entries, err := s.node.store.Entries(id, next, next+scrubEntriesMax, scrubStepBytes)
		switch {
		case errors.Is(err, storage.ErrDamaged):
			s.meter.damaged.Add(1)
			err = fmt.Errorf("node: the log of group %d rotted; look at the disk of the data directory, and start the node again: it gets what is missing from the others: %w", id, err)
			s.node.fail(err)
			return err
		case errors.Is(err, storage.ErrCompacted) && next < s.beginOr(id, next):
			continue // it was cut meanwhile
		case err != nil:
			return nil // behind its end, or the group is gone
		}
		bytes := 0
		for i := range entries {
			bytes += int(entries[i].Size())
		}
		next = entries[len(entries)-1].Index + 1
		if err := s.pace(bytes); err != nil {
			return err
		}
	}
}

// logBegin is the first entry of a group's log; false when the group is gone.
func (s *scrub) logBegin(id raft.GroupID) (raft.Index, bool) {
	g := s.node.group(id)
	if g == nil {
		return 0, false
	}
	status, err := s.node.status(s.node.ctx, g)
	return status.PurgedIndex + 1, err == nil
}

func (s *scrub) beginOr(id raft.GroupID, other raft.Index) raft.Index {
	if begin, ok := s.logBegin(id); ok {
		return begin
	}
	return other
}

// snapshotsOf reads a group's snapshots. Where one is put away a new one is taken, since the
// log before it may be gone.
func (s *scrub) snapshotsOf(id raft.GroupID) error {
	files := s.node.snapshots.files
	if files == nil {
		return nil
	}
	list, err := files.List(id)
	if err != nil {
		s.node.log.Warn("snapshots cannot be read over", "group", id, "err", err)
		return nil
	}
	lost := false
	for _, f := range list {
		err := s.snapshot(f)
		if errors.Is(err, ErrStopping) {
			return err
		}
		if errors.As(err, new(*storage.SnapshotDamagedError)) {
			s.meter.damaged.Add(1)
			lost = s.node.snapshots.condemn(f, err) || lost
		}
	}
	if g := s.node.group(id); lost && g != nil {
		s.node.snapshots.replace(g)
	}
	return nil
}

// snapshot reads one file. One that is removed meanwhile is none of ours.
func (s *scrub) snapshot(f storage.SnapshotFile) error {
	r, err := s.node.snapshots.files.Open(f)
	if err != nil {
		return err
	}
	defer r.Close()
	buf := make([]byte, scrubStepBytes)
	for {
		n, err := io.ReadFull(r, buf)
		if paced := s.pace(n); paced != nil {
			return paced
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// modules reads modules and artefacts, and fetches those that rotted from the others.
func (s *scrub) modules() error {
	n := s.node
	digests, err := n.modules.List()
	if err != nil {
		n.log.Warn("modules cannot be read over", "err", err)
		return nil
	}
	for _, d := range digests {
		binary, err := n.modules.Get(d)
		if errors.Is(err, storage.ErrDamaged) {
			s.meter.damaged.Add(1)
			n.log.Error("a module rotted, and is fetched from another node; look at the disk of the data directory", "module", d.String(), "err", err)
			err = n.modules.Remove(d)
			if err == nil {
				err = n.fetchModule(n.ctx, d, n.others())
			}
		}
		if err != nil && !errors.Is(err, ErrNoModule) {
			n.log.Warn("a module cannot be read over", "module", d.String(), "err", err)
		}
		if err := s.pace(len(binary)); err != nil {
			return err
		}
	}
	return nil
}

// replace takes a new snapshot of a group whose snapshots were put away. Those that rest
// on them are of no use either, and nothing may rest on them from now on.
func (s *snapshots) replace(g *group) {
	files, err := s.files.List(g.id)
	if err != nil {
		s.node.log.Warn("snapshots cannot be looked through", "group", g.id, "err", err)
	}
	for _, f := range slices.Backward(files) {
		if _, err := s.files.Chain(f); errors.Is(err, storage.ErrSnapshotMissing) {
			s.condemn(f, err)
		}
	}
	g.applier.in.force(func(l *applierLoop) { l.beginChain() })
	if _, err := s.node.TakeSnapshot(s.node.ctx, g.id); err != nil && s.node.ctx.Err() == nil {
		s.node.log.Warn("no snapshot could be taken in the place of a damaged one; the next one is taken when it is due", "group", g.id, "err", err)
	}
}
