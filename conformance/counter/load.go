package counter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
)

// Config says what load to make.
type Config struct {
	// Clients are used by the workers in turn. Required.
	Clients []*client.Client
	// Machine is the name of the counter; default "counter".
	Machine string
	// Workers is how many increments are under way at once; default one per client.
	Workers int
	// Increments ends the load when so many were begun; 0 goes on until Stop.
	Increments int
	// Patience bounds how long one increment is repeated, cluster outages
	// included; default one minute.
	Patience time.Duration
}

// Load is a running load.
type Load struct {
	cfg    Config
	cancel context.CancelFunc
	done   chan struct{} // closed when all workers have ended

	// mu guards the fields below; changed is closed and replaced at every answer.
	mu       sync.Mutex
	begun    int
	answers  map[uint64]int // count answered -> how often
	replayed int
	errs     []error
	stopping bool
	changed  chan struct{}
}

// Start begins the load. It goes on until Config.Increments, Stop or ctx end it.
func Start(ctx context.Context, cfg Config) *Load {
	if cfg.Machine == "" {
		cfg.Machine = "counter"
	}
	if cfg.Workers == 0 {
		cfg.Workers = len(cfg.Clients)
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Minute
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &Load{cfg: cfg, cancel: cancel, done: make(chan struct{}), answers: map[uint64]int{}, changed: make(chan struct{})}
	var workers sync.WaitGroup
	for i := range cfg.Workers {
		workers.Go(func() {
			if err := l.work(ctx, cfg.Clients[i%len(cfg.Clients)]); err != nil {
				l.fail(fmt.Errorf("counter: worker %d: %w", i, err))
			}
		})
	}
	go func() {
		workers.Wait()
		close(l.done)
	}()
	return l
}

// work registers a session and increments until the load ends.
func (l *Load) work(ctx context.Context, c *client.Client) error {
	register, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	session, err := c.Register(register, l.cfg.Machine)
	cancel()
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	for l.begin() {
		if err := l.increment(ctx, session); err != nil {
			return err
		}
	}
	return nil
}

// increment repeats one increment until it is answered. The client itself gives
// up after a number of attempts and then says that the outcome is unknown; its
// sequence is spent, so this load counts such an increment as a failure.
func (l *Load) increment(ctx context.Context, session *client.Session) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	defer cancel()
	result, err := session.Command(ctx, []byte("incr"))
	if err != nil {
		return fmt.Errorf("increment: %w", err)
	}
	var answer struct{ Value uint64 }
	if err := json.Unmarshal(result.Data, &answer); err != nil {
		return fmt.Errorf("increment: answer %q: %w", result.Data, err)
	}
	l.answered(answer.Value, result.Replayed)
	return nil
}

// begin reports whether one more increment is wanted.
func (l *Load) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping || len(l.errs) > 0 || l.cfg.Increments > 0 && l.begun >= l.cfg.Increments {
		return false
	}
	l.begun++
	return true
}

func (l *Load) answered(value uint64, replayed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[value]++
	if replayed {
		l.replayed++
	}
	l.signal()
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

// Acknowledged is how many increments were answered so far.
func (l *Load) Acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acknowledged()
}

func (l *Load) acknowledged() int {
	n := 0
	for _, times := range l.answers {
		n += times
	}
	return n
}

// WaitFor returns once n increments were answered. It fails when a worker has
// failed, the load has ended short of n, or ctx ends.
func (l *Load) WaitFor(ctx context.Context, n int) error {
	for {
		l.mu.Lock()
		have, err, changed := l.acknowledged(), errors.Join(l.errs...), l.changed
		l.mu.Unlock()
		if err != nil || have >= n {
			return err
		}
		select {
		case <-changed:
		case <-l.done:
			if have := l.Acknowledged(); have < n {
				return fmt.Errorf("counter: the load ended after %d increments, waiting for %d", have, n)
			}
		case <-ctx.Done():
			return fmt.Errorf("counter: %d of %d increments were answered: %w", have, n, ctx.Err())
		}
	}
}
