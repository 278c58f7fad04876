package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
)

// ErrForks is returned when there are as many forks as there may be. Ask again
// when one has been released.
var ErrForks = errors.New("plugins: no more forks of machines")

// forksMax bounds the forks of one instance that are out at a time.
const forksMax = 2

// Fork is a copy of an instance's state on which one query or export runs while
// the instance goes on. It is made for calls that take long: the copy costs memory,
// and the first one copies all of it.
//
// A Fork goes through Instance.Fork, Refresh until that reports true, one Query or
// Export, and Release. Query and Export may run on any one goroutine; all else
// belongs to the instance's.
type Fork struct {
	instance *Instance
	guest    *guest
	// outdated has a byte for each block up to the machine's limit, 1 where the
	// fork may differ from the shadow.
	outdated []byte
	next     int // no block before it is outdated
	out      bool
}

// forkBudget bounds the memory of all forks of an engine.
type forkBudget struct {
	mu sync.Mutex
	// mu guards:
	bytes, bytesMax int64
	idle            []*Fork // not out; whoever is short of memory may close them
	out, outMax     int
}

// forksOutMax leaves a processor to everybody else: guest code gives its own up
// only where a slice of its fuel ends.
func forksOutMax() int { return max(1, runtime.GOMAXPROCS(0)-1) }

// enter counts a fork that goes out; false: there are as many as may be.
func (b *forkBudget) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out >= b.outMax {
		return false
	}
	b.out++
	return true
}

func (b *forkBudget) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.out--
}

// Fork makes a copy, or takes one that was released. Errors: ErrForks, or trouble
// of this host; the instance is unharmed.
func (i *Instance) Fork(ctx context.Context) (*Fork, error) {
	if err := i.settled(ctx); err != nil {
		return nil, err
	}
	budget := &i.module.engine.forks
	if !budget.enter() {
		return nil, fmt.Errorf("%w: %d are out", ErrForks, budget.outMax)
	}
	f, err := i.fork(ctx, budget)
	if err != nil {
		budget.leave()
	}
	return f, err
}

func (i *Instance) fork(ctx context.Context, budget *forkBudget) (*Fork, error) {
	i.forks = slices.DeleteFunc(i.forks, func(f *Fork) bool { return !f.out && !budget.has(f) })
	for _, f := range i.forks {
		if budget.take(f) {
			f.out = true
			return f, nil
		}
	}
	if len(i.forks) >= forksMax {
		return nil, fmt.Errorf("%w: %d of this machine are out", ErrForks, len(i.forks))
	}
	if err := budget.claim(ctx, i.config.Limits.MemoryBytesMax); err != nil {
		return nil, err
	}
	g, err := i.newGuest(ctx)
	if err != nil {
		budget.give(i.config.Limits.MemoryBytesMax)
		return nil, err
	}
	f := &Fork{instance: i, guest: g, outdated: make([]byte, i.config.Limits.MemoryBytesMax/blockBytes), out: true}
	for n := range f.outdated[:max(g.memory.size(), i.shadow.size)/blockBytes] {
		f.outdated[n] = 1
	}
	i.forks = append(i.forks, f)
	return f, nil
}

// outdate notes blocks that the machine has changed.
func (f *Fork) outdate(changed []uint32) {
	for _, n := range changed {
		f.outdated[n] = 1
		f.next = min(f.next, int(n))
	}
}

// Refresh copies what differs from the machine's present state, up to bytesMax
// bytes at a time, and reports whether all of it is there. Release the fork after an
// error: ErrClosed when the instance is, or trouble of this host.
func (f *Fork) Refresh(bytesMax int) (ready bool, err error) {
	if f.instance.live == nil {
		return false, fmt.Errorf("plugins: refresh a fork: %w", ErrClosed)
	}
	if err := f.instance.settle(); err != nil {
		return false, err
	}
	s, memory := f.instance.shadow, f.guest.memory.all()
	for ; bytesMax > 0; bytesMax -= blockBytes {
		skip := bytes.IndexByte(f.outdated[f.next:], 1)
		if skip < 0 {
			if !s.reset(f.guest) {
				return false, fmt.Errorf("plugins: a fork's memory of %d bytes cannot be made %d", f.guest.memory.size(), s.size)
			}
			return true, nil
		}
		f.next += skip
		n := uint32(f.next)
		if from, to := s.block(n), blockOf(memory, n); !bytes.Equal(from, to) {
			copy(to, from)
		}
		f.outdated[n] = 0
	}
	return false, nil
}

// Query answers a query from the state as it was at the last Refresh, with all the
// fuel that a query may spend. Results and errors are those of Instance.Query.
func (f *Fork) Query(query []byte) (Result, error) {
	if r := f.guest.host.limits.refuseQuery(query); r != nil {
		return *r, nil
	}
	f.guest.prepare(domainQuery)
	r, err := f.guest.ask(query)
	var fault *fault
	if errors.As(err, &fault) {
		return fault.result(), nil
	}
	return r, err
}

// Export writes the state as it was at the last Refresh, see Instance.Export.
func (f *Fork) Export(w io.Writer) error {
	f.guest.prepare(domainSnapshot)
	return f.guest.export(w)
}

// Release gives the fork back; it is not used any more. It is kept for the next
// call unless its memory is needed elsewhere, or its instance was closed.
func (f *Fork) Release(ctx context.Context) error {
	i := f.instance
	f.out = false
	i.module.engine.forks.leave()
	if i.live == nil {
		return f.close(ctx)
	}
	i.logOutput(f.guest)
	marks := f.guest.memory.marks()
	for n, mark := range marks {
		if mark != 0 { // and the start of the block behind, see instrument.SlackBytes
			f.outdate([]uint32{uint32(n), uint32(min(n+1, len(marks)-1))})
			marks[n] = 0
		}
	}
	f.guest.memory.clearLast()
	i.module.engine.forks.put(f)
	return nil
}

// close frees the fork's memory.
func (f *Fork) close(ctx context.Context) error {
	f.instance.module.engine.forks.give(f.guest.host.limits.MemoryBytesMax)
	return f.guest.close(ctx)
}

// closeForks closes those that are not out; the others close when they are released.
func (i *Instance) closeForks(ctx context.Context) error {
	var errs []error
	for _, f := range i.forks {
		if !f.out && i.module.engine.forks.take(f) {
			errs = append(errs, f.close(ctx))
		}
	}
	i.forks = nil
	return errors.Join(errs...)
}

// has reports whether a fork is idle, and not closed.
func (b *forkBudget) has(f *Fork) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.idle, f)
}

// take removes an idle fork from the budget's reach.
func (b *forkBudget) take(f *Fork) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Index(b.idle, f)
	if at >= 0 {
		b.idle = slices.Delete(b.idle, at, at+1)
	}
	return at >= 0
}

func (b *forkBudget) put(f *Fork) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.idle = append(b.idle, f)
}

func (b *forkBudget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= n
}

// claim takes n bytes of the budget, closing idle forks for it, those first that
// have been idle longest. A fork that is alone is let through whatever it needs.
func (b *forkBudget) claim(ctx context.Context, n int64) error {
	var errs []error
	for {
		b.mu.Lock()
		if b.bytes == 0 || b.bytes+n <= b.bytesMax {
			b.bytes += n
			b.mu.Unlock()
			return errors.Join(errs...)
		}
		if len(b.idle) == 0 {
			err := fmt.Errorf("%w: %d bytes of their memory are taken, %d would be needed, the limit is %d", ErrForks, b.bytes, n, b.bytesMax)
			b.mu.Unlock()
			return errors.Join(append(errs, err)...)
		}
		oldest := b.idle[0]
		b.idle = slices.Delete(b.idle, 0, 1)
		b.mu.Unlock()
		errs = append(errs, oldest.close(ctx))
	}
}
