package kvload

import (
	"context"
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
	// Readers are clients with which a worker each reads all the time, and gives up what is
	// not answered within ReaderPatience: clients of one node alone show what a node answers
	// that no longer leads.
	Readers []*client.Client
	// Machine is the name of the key-value machine; default "kv".
	Machine string
	// Prefix begins all keys, and all idempotency keys, so that loads of one machine do not
	// see one another; default none.
	Prefix string
	// Workers is how many operations, or batches of batchCommands, are under way at once;
	// default 12. Of six, one sends each command once, one sends batches, one repeats under
	// idempotency keys and three in sessions.
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
	// two minutes. ReaderPatience is that of readers, default 500 ms.
	Patience, ReaderPatience time.Duration
	// Staleness is how old the answers to some of the reads may be; default 2 s.
	Staleness time.Duration
	// SearchPatience bounds the search for an order of one key's operations; default one
	// minute.
	SearchPatience time.Duration
	// Seed chooses operations and keys.
	Seed uint64
	// FullDisks excuses commands that are refused because disks are full.
	FullDisks bool
}

func (c Config) withDefaults() Config {
	setDefault(&c.Machine, "kv")
	setDefault(&c.Workers, 12)
	setDefault(&c.Keys, 50)
	setDefault(&c.KeyOps, 100)
	setDefault(&c.Pause, 10*time.Millisecond)
	setDefault(&c.Patience, 2*time.Minute)
	setDefault(&c.ReaderPatience, 500*time.Millisecond)
	setDefault(&c.Staleness, 2*time.Second)
	setDefault(&c.SearchPatience, time.Minute)
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
	judge *history.Judge
	done  chan struct{} // closed when all workers have ended, and who settles

	// mu guards the fields below; changed is closed and replaced at every answer.
	mu       sync.Mutex
	begun    int
	epochs   epochs
	answered int
	clients  int
	keyed    int // commands under idempotency keys
	noLease  bool
	noKeys   bool
	errs     []error
	stopping bool
	changed  chan struct{}
}

// Start begins the load. It goes on until Stop or ctx ends it.
func Start(ctx context.Context, cfg Config) *Load {
	cfg = cfg.withDefaults()
	l := &Load{
		cfg: cfg, began: time.Now(), done: make(chan struct{}), changed: make(chan struct{}),
		judge: history.NewJudge(cfg.SearchPatience), epochs: epochs{open: map[int]*epoch{}},
	}
	var workers sync.WaitGroup
	start := func(w *worker, stream int) {
		w.load, w.number, w.rng = l, l.newClient(), rand.New(rand.NewPCG(cfg.Seed, uint64(stream)))
		workers.Go(func() {
			if err := w.run(ctx); err != nil {
				l.fail(fmt.Errorf("kvload: worker %d: %w", stream, err))
			}
		})
	}
	for i := range cfg.Workers {
		start(&worker{client: cfg.Clients[i%len(cfg.Clients)], manner: manners[i%len(manners)], patience: cfg.Patience}, i)
	}
	for i, c := range cfg.Readers {
		start(&worker{client: c, manner: reading, patience: cfg.ReaderPatience}, cfg.Workers+i)
	}
	ended := make(chan struct{})
	go func() {
		workers.Wait()
		close(ended)
	}()
	go func() {
		l.settleThose(ctx, ended)
		close(l.done)
	}()
	return l
}

// newClient gives a number to whoever asks with one operation at a time.
func (l *Load) newClient() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients++
	return l.clients
}

// record keeps what came of an operation.
func (l *Load) record(op history.Op, before history.Mark) {
	l.judge.Record(op, before)
	if !op.Answered {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answered++
	l.signal()
}

func (l *Load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
	l.signal()
}

func (l *Load) failed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.errs) > 0
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

// Stop lets the operations under way be answered, ends the load, reads every key once more
// and returns the verdict on all that the clients saw. The cluster must be whole again. The
// error joins what went wrong in workers; the verdict is on what was seen all the same.
func (l *Load) Stop(ctx context.Context) (*history.Report, error) {
	l.mu.Lock()
	l.stopping = true
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("kvload: the workers don't end: %w", ctx.Err())
	}
	if err := l.settleRest(ctx); err != nil {
		l.fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.judge.Report(), errors.Join(l.errs...)
}
