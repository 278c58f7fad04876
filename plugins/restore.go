package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Restore starts an instance in the state of images instead of running the
// module's _initialize: one full image and the increments on it, in order. Module
// and configuration must make the same run as that of the images. Errors: ErrImage;
// those of the readers; ErrNoMemory and other trouble of this host.
func (e *Engine) Restore(ctx context.Context, m *Module, c InstanceConfig, images ...io.Reader) (*Instance, error) {
	i, err := e.newInstance(ctx, m, c)
	if err != nil {
		return nil, err
	}
	i.live.memory.clear() // the engine placed the data segments
	err = i.readImages(images)
	if err == nil && !i.shadow.reset(i.live) {
		err = errUnfit
	}
	if err != nil {
		return nil, errors.Join(err, i.Close(ctx))
	}
	return i, nil
}

// errUnfit: the engine does not take the memory's size, although it is within the limit.
var errUnfit = errors.New("plugins: restore: the image does not fit a fresh guest")

func (i *Instance) readImages(images []io.Reader) error {
	if len(images) == 0 {
		return fmt.Errorf("%w: there is none", ErrImage)
	}
	var before StateHash
	var pages sharing
	defer func() { pages.close() }()
	for n, r := range images {
		hash, err := i.readImage(r, before, &pages)
		if err != nil {
			return fmt.Errorf("plugins: restore: image %d of %d: %w", n+1, len(images), err)
		}
		before = hash
	}
	i.captures.begin(before)
	return pages.give(i.live.memory.all())
}

// readImage brings the shadow, the live guest's memory and the hashes from one state to
// the next. The globals and the clock stay in the shadow, and so does the memory that is in
// pages, which a full image makes.
func (i *Instance) readImage(r io.Reader, before StateHash, pages *sharing) (_ StateHash, err error) {
	in, s := newImageReader(r), i.shadow
	h := in.header(len(i.live.globals), i.ring.bytesMax)
	switch {
	case in.err != nil:
		return StateHash{}, in.err
	case h.run != i.run:
		return StateHash{}, fmt.Errorf("%w: it is of run %v, this is %v", ErrImage, h.run, i.run)
	case h.base != before:
		return StateHash{}, fmt.Errorf("%w: it follows on state %v, this is %v", ErrImage, h.base, before)
	case h.memory < s.size || int64(h.memory) < i.module.MemoryBytesMin() || h.memory%pageBytes != 0 || int64(h.memory) > i.config.Limits.MemoryBytesMax:
		return StateHash{}, fmt.Errorf("%w: it has %d bytes of memory, of %d to %d", ErrImage, h.memory, max(int64(s.size), i.module.MemoryBytesMin()), i.config.Limits.MemoryBytesMax)
	}
	if s.size = h.memory; !i.live.memory.resize(s.size) {
		return StateHash{}, errUnfit
	}
	if h.full() {
		if *pages, err = share(s.memory, s.size); err != nil {
			return StateHash{}, err
		}
	}
	f := i.fill(*pages)
	in.blocks(s.memory[:s.size], f.arrived)
	f.finish()
	s.globals, s.clock, s.moment = h.globals, h.clock, h.moment
	i.ring.reset(h.events, h.dropped)
	if err := in.finish(); err != nil {
		return StateHash{}, err
	}
	if got := i.hash(); got != h.state {
		return StateHash{}, fmt.Errorf("%w: it makes state %v and not %v", ErrImage, got, h.state)
	}
	return h.state, nil
}

// imageHeader describes the present state.
func (i *Instance) imageHeader(state, base StateHash) imageHeader {
	s := i.shadow
	return imageHeader{
		run: i.run, state: state, base: base, moment: s.moment, clock: s.clock, memory: s.size,
		globals: append([]uint64(nil), s.globals...), dropped: i.ring.dropped, events: append([]Event(nil), i.ring.kept...),
	}
}

// hash settles and returns the hash of the present state.
func (i *Instance) hash() StateHash {
	return stateHash(i.run, i.shadow, i.memory.settle(i.shadow.memory), &i.ring)
}
