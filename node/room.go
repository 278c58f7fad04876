package node

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/storage"
)

// DiskSpace is what a node needs to know of the room on its disk.
type DiskSpace interface {
	// Look asks how much there is, and may let a reserve go or make one.
	Look() (storage.Room, error)
}

const (
	// roomEvery is how often a node looks at the room on its disk, roomSoon how often
	// when less than roomNear low-water marks are left.
	roomEvery = time.Second
	roomSoon  = 100 * time.Millisecond
	roomNear  = 4
)

// ErrDiskFull: too little space is left on the disk of this node, or on those of so many
// that a command could not be kept; nothing was applied. Free some: it goes on by itself.
var ErrDiskFull = errors.New("node: disk full")

// diskFull reports whether an error says that there is no room, in whoever's words.
func diskFull(err error) bool {
	return errors.Is(err, ErrDiskFull) || errors.Is(err, raft.ErrDiskFull) || errors.Is(err, storage.ErrDiskFull)
}

// nextLook is when to look again after r was found.
func nextLook(r storage.Room) time.Duration {
	if r.Known && (r.Low || r.Free < roomNear*r.Minimum) {
		return roomSoon
	}
	return roomEvery
}

// runRoom is the goroutine that looks at the room on the disk and tells the shards. A
// look that fails changes nothing but is said once.
func (n *Node) runRoom() {
	timer := n.clock.NewTimer(0)
	defer timer.Stop()
	failing := false
	for {
		select {
		case <-n.stop:
			return
		case <-timer.C():
		}
		r, err := n.space.Look()
		if err != nil && !failing {
			n.log.Warn("the free space of the disk cannot be looked after", "err", err)
		}
		failing = err != nil
		if r.Known || err == nil {
			n.foundRoom(r)
		}
		timer.Reset(nextLook(r))
	}
}

// foundRoom tells the shards when the disk has become full or has room again.
func (n *Node) foundRoom(r storage.Room) {
	before := n.room.Swap(&r)
	if before.Low == r.Low {
		return
	}
	for _, s := range n.shards {
		s.in.force(func(sh *Shard) { sh.DiskFull(r.Low) })
	}
	if r.Low {
		n.log.Error("the disk is nearly full: this node takes no commands, modules or snapshots until there is room; free some space on the disk of the data directory",
			"free", r.Free, "needed", r.Minimum)
		return
	}
	n.log.Info("the disk has room again", "free", r.Free)
}

// Room is what this node last found of the room on its disk.
func (n *Node) Room() storage.Room { return *n.room.Load() }

// DiskFull tells every core, also those that come later, whether the disk has room.
func (s *Shard) DiskFull(full bool) {
	s.full = full
	for _, id := range slices.Sorted(maps.Keys(s.replicas)) { // Why sorted: equal inputs, equal effects
		r := s.replicas[id]
		s.settle(r)
		r.core.DiskFull(full)
		s.touch(r)
	}
}
