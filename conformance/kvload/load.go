package kvload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/history"
)

// Config says what load to make.
type Config struct {
	// Clients are used by the workers in turn. Required.
	Clients []*client.Client
	// Machine is the name of the key-value machine; default "kv".
	Machine string
	// Workers is how many operations are under way at once; default 12. Every sixth
	// has no session.
	Workers int
	// Keys is how many are in use at a time; default 50. Every fifth is put, compared
	// and set, the others are appended to.
	Keys int
	// KeyOps is after how many operations per key the keys make way for new ones;
	// default 100.
	KeyOps int
	// Pause is the longest that a worker rests between two operations, at random;
	// default 10 ms.
	Pause time.Duration
	// Patience bounds how long one operation is repeated, outages included; default
	// two minutes.
	Patience time.Duration
	// Seed chooses operations and keys.
	Seed uint64
}

func (c Config) withDefaults() Config {
	setDefault(&c.Machine, "kv")
	setDefault(&c.Workers, 12)
	setDefault(&c.Keys, 50)
	setDefault(&c.KeyOps, 100)
	setDefault(&c.Pause, 10*time.Millisecond)
	setDefault(&c.Patience, 2*time.Minute)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Load is a running load.
type Load struct {
	cfg   Config
	began time.Time
	done  chan struct{} // closed when all workers have ended

	// mu guards the fields below; changed is closed and replaced at every answer.
	mu       sync.Mutex
	begun    int
	ops      []history.Op
	answered int
	clients  int
	errs     []error
	stopping bool
	changed  chan struct{}
}

// Start begins the load. It goes on until Stop or ctx ends it.
func Start(ctx context.Context, cfg Config) *Load {
	cfg = cfg.withDefaults()
	l := &Load{cfg: cfg, began: time.Now(), done: make(chan struct{}), changed: make(chan struct{})}
	var workers sync.WaitGroup
	for i := range cfg.Workers {
		w := &worker{
			load: l, client: cfg.Clients[i%len(cfg.Clients)], number: l.newClient(),
			rng: rand.New(rand.NewPCG(cfg.Seed, uint64(i))), plain: i%6 == 5,
		}
		workers.Go(func() {
			if err := w.run(ctx); err != nil {
				l.fail(fmt.Errorf("kvload: worker %d: %w", i, err))
			}
		})
	}
	go func() {
		workers.Wait()
		close(l.done)
	}()
	return l
}

// draw chooses the next operation; ok is false when no more is wanted.
func (l *Load) draw(rng *rand.Rand) (op history.Op, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping || len(l.errs) > 0 {
		return op, false
	}
	l.begun++
	epoch, key := l.begun/(l.cfg.Keys*l.cfg.KeyOps), rng.IntN(l.cfg.Keys)
	op.Value = string(binary.BigEndian.AppendUint64(nil, uint64(l.begun)))
	switch dice := rng.IntN(10); {
	case dice < 3:
		op.Kind = history.Get
	case key%5 != 4:
		op.Kind = history.Append
	case dice < 5:
		op.Kind = history.Put
	default:
		op.Kind = history.CompareAndSet
	}
	op.Key = fmt.Sprintf("%d/%d", epoch, key)
	return op, true
}

// newClient gives a number to whoever asks with one operation at a time.
func (l *Load) newClient() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients++
	return l.clients
}

// record keeps what came of an operation.
func (l *Load) record(op history.Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, op)
	if op.Answered {
		l.answered++
		l.signal()
	}
}

func (l *Load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
	l.signal()
}

// signal wakes those in WaitFor; mu is held.
func (l *Load) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Answered is how many operations were answered so far.
func (l *Load) Answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}

// WaitFor returns once n operations were answered. It fails when a worker has failed
// or ctx ends.
func (l *Load) WaitFor(ctx context.Context, n int) error {
	for {
		l.mu.Lock()
		have, err, changed := l.answered, errors.Join(l.errs...), l.changed
		l.mu.Unlock()
		if err != nil || have >= n {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("kvload: %d of %d operations were answered: %w", have, n, ctx.Err())
		}
	}
}

// Stop lets the operations under way be answered, ends the load, reads every key
// once more and returns everything that the clients saw. The cluster must be whole
// again. The error joins what went wrong in workers.
func (l *Load) Stop(ctx context.Context) ([]history.Op, error) {
	l.mu.Lock()
	l.stopping = true
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("kvload: the workers don't end: %w", ctx.Err())
	}
	w := &worker{load: l, client: l.cfg.Clients[0], number: l.newClient()}
	for _, key := range l.keys() {
		answered, err := w.do(ctx, history.Op{Kind: history.Get, Key: key})
		if err != nil || !answered {
			l.fail(errors.Join(fmt.Errorf("kvload: the last read of key %s was not answered", key), err))
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ops, errors.Join(l.errs...)
}

// keys are all that were ever used, in the order of their first answer.
func (l *Load) keys() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[string]bool{}
	for _, op := range l.ops {
		if !seen[op.Key] {
			seen[op.Key] = true
			out = append(out, op.Key)
		}
	}
	return out
}
