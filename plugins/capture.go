package plugins

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// ErrBase means that an increment on that state can't be had: the instance did not
// go through it in one of its last captures. Make a full image.
var ErrBase = errors.New("plugins: no increment on that state")

// ErrCaptures means that as many captures of the instance are open as may be. Close
// one of them.
var ErrCaptures = errors.New("plugins: no more captures of a machine")

// capturesOpenMax bounds the open captures of an instance: each may come to hold as
// much memory as the machine has.
const capturesOpenMax = 4

// Capture is the state of a machine at one moment, being written down while the
// machine goes on.
//
// How: the shadow has the state after the last entry. Before a checkpoint changes
// a block of it that was not written yet, what it was is put aside. So a capture
// costs an entry one copy of each block that it is the first to change, and in
// memory what changes until it is written: at most the size of the machine's.
type Capture struct {
	header imageHeader

	mu     sync.Mutex // guards the rest against the machine's checkpoints
	memory []byte     // the shadow's; nil once capture or instance is closed
	begun  bool       // WriteTo was called
	wanted []bool     // by block: it belongs to the image
	next   int        // blocks below it are written
	aside  map[uint32][]byte
	bytes  int // put aside
}

// Hash is that of the captured state.
func (c *Capture) Hash() StateHash { return c.header.state }

// Moment is that of the last entry of the captured state.
func (c *Capture) Moment() Moment { return c.header.moment }

// BytesAside is what the capture holds of blocks that have changed since.
func (c *Capture) BytesAside() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// before puts a block aside that is about to change.
func (c *Capture) before(n uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.memory == nil || int(n) < c.next || int(n) >= len(c.wanted) || !c.wanted[n] || c.aside[n] != nil {
		return
	}
	c.aside[n] = slices.Clone(blockOf(c.memory, n))
	c.bytes += blockBytes
}

// runBlocksMax is how many blocks are read at a time: the machine waits for it.
const runBlocksMax = 16

// nextRun copies the next blocks that belong to the image, which follow on each
// other, into room. It returns 0 blocks at the end.
func (c *Capture) nextRun(room []byte) (first uint32, blocks int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.memory == nil {
		return 0, 0, fmt.Errorf("plugins: capture: %w", ErrClosed)
	}
	for c.next < len(c.wanted) && !c.wanted[c.next] {
		c.next++
	}
	first = uint32(c.next)
	for ; c.next < len(c.wanted) && c.wanted[c.next] && blocks < runBlocksMax; c.next++ {
		block := blockOf(c.memory, uint32(c.next))
		if kept := c.aside[uint32(c.next)]; kept != nil {
			block = kept
			delete(c.aside, uint32(c.next))
			c.bytes -= blockBytes
		}
		copy(room[blocks*blockBytes:], block)
		blocks++
	}
	return first, blocks, nil
}

// begin takes the one chance to write the image: blocks that were read are not kept.
func (c *Capture) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun {
		return errors.New("plugins: capture: it was written before; make another")
	}
	c.begun = true
	return nil
}

// WriteTo writes the image. It may run on any goroutine, once, while the machine
// applies; docs/FORMAT.md has the format. It writes small pieces: buffer what goes to
// a file. Errors: those of w; ErrClosed when the instance is closed meanwhile; a
// second call is one.
func (c *Capture) WriteTo(w io.Writer) (int64, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	out := newImageWriter(w)
	out.header(&c.header)
	room := make([]byte, runBlocksMax*blockBytes)
	for out.err == nil {
		first, blocks, err := c.nextRun(room)
		if err != nil {
			return out.written, err
		}
		if blocks == 0 {
			break
		}
		out.blocks(first, room[:blocks*blockBytes])
	}
	out.finish()
	return out.written, out.err
}

// Close ends the capture, whether it was written or not.
func (c *Capture) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory, c.aside, c.bytes = nil, nil, 0
}

func (c *Capture) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory == nil
}

// captures is what an instance knows of its captures.
type captures struct {
	generation uint64   // how many there were, so far
	changedIn  []uint64 // by block: generation was this when it last changed
	known      []capturedState
	open       []*Capture
}

// capturedState is a state on which an increment can be had: the blocks whose
// changedIn is at least generation.
type capturedState struct {
	hash       StateHash
	generation uint64
}

// knownStatesMax is how many states are remembered, the newest.
const knownStatesMax = 64

// begin notes that a state is captured.
func (cs *captures) begin(hash StateHash) {
	cs.generation++
	cs.known = append(cs.known, capturedState{hash, cs.generation})
	if len(cs.known) > knownStatesMax {
		cs.known = slices.Delete(cs.known, 0, 1)
	}
}

// before is called when a checkpoint is about to change a block.
func (cs *captures) before(n uint32) {
	for _, c := range cs.open {
		c.before(n)
	}
	for int(n) >= len(cs.changedIn) {
		cs.changedIn = append(cs.changedIn, 0)
	}
	cs.changedIn[n] = cs.generation
}

// prune forgets captures that are closed.
func (cs *captures) prune() {
	if len(cs.open) > 0 {
		cs.open = slices.DeleteFunc(cs.open, (*Capture).closed)
	}
}

// closeAll ends what is open, before the shadow's memory goes away.
func (cs *captures) closeAll() {
	for _, c := range cs.open {
		c.Close()
	}
	cs.open = nil
}

// since lists which of a number of blocks changed since a state was captured; all,
// for the zero hash.
func (cs *captures) since(base StateHash, blocks int) ([]bool, error) {
	wanted := make([]bool, blocks)
	from := uint64(0)
	if base != (StateHash{}) {
		at := slices.IndexFunc(cs.known, func(s capturedState) bool { return s.hash == base })
		if at < 0 {
			return nil, fmt.Errorf("%w: %v", ErrBase, base)
		}
		from = cs.known[at].generation
	}
	for n := range wanted {
		wanted[n] = from == 0 || n < len(cs.changedIn) && cs.changedIn[n] >= from
	}
	return wanted, nil
}

// Capture begins an image of the state after the last entry. The caller writes it
// and closes it. base is the zero hash for a full image, or that of an earlier
// capture, or of the restored image, for what has changed since. Errors: ErrBase,
// ErrCaptures, and what broke the instance.
func (i *Instance) Capture(base StateHash) (*Capture, error) {
	if err := i.settle(); err != nil {
		return nil, err
	}
	i.captures.prune()
	if n := len(i.captures.open); n >= capturesOpenMax {
		return nil, fmt.Errorf("%w: %d are open", ErrCaptures, n)
	}
	wanted, err := i.captures.since(base, i.shadow.size/blockBytes)
	if err != nil {
		return nil, err
	}
	hash := i.hash()
	i.captures.begin(hash)
	c := &Capture{header: i.imageHeader(hash, base), memory: i.shadow.memory, wanted: wanted, aside: map[uint32][]byte{}}
	i.captures.open = append(i.captures.open, c)
	return c, nil
}
