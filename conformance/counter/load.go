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
	// FullDisks has an increment that is refused because disks are full be repeated.
	FullDisks bool
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
	underWay int // begun and not ended
	latest   int // number of the latest increment that was answered
	answers  tally
	replayed int
	refused  int // because disks are full
	doubtful int // of them, those whose earlier attempts may have been applied
	errs     []error
	stopping bool
	resumed  chan struct{} // while the load is paused; Resume closes it
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
	l := &Load{cfg: cfg, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{})}
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
	for {
		number, ok := l.begin(ctx)
		if !ok {
			return nil
		}
		err := l.increment(ctx, session, number)
		l.end()
		if err != nil {
			return err
		}
	}
}

// increment repeats one increment until it is answered. The client itself gives
// up after a number of attempts and then says that the outcome is unknown; its
// sequence is spent, so this load counts such an increment as a failure.
func (l *Load) increment(ctx context.Context, session *client.Session, number int) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	defer cancel()
	result, err := session.Command(ctx, []byte("incr"))
	for l.excused(err) {
		if errors.Is(err, client.ErrUnknownOutcome) {
			return nil // Why: another one might count it twice
		}
		<-time.After(refusedPause)
		result, err = session.Command(ctx, []byte("incr"))
	}
	if err != nil {
		return fmt.Errorf("increment: %w", err)
	}
	var answer struct{ Value uint64 }
	if err := json.Unmarshal(result.Data, &answer); err != nil {
		return fmt.Errorf("increment: answer %q: %w", result.Data, err)
	}
	l.answered(number, answer.Value, result.Replayed)
	return nil
}

// refusedPause is how long an increment that was refused waits.
const refusedPause = 20 * time.Millisecond

// excused counts a refusal because disks are full, if err is one that may be.
func (l *Load) excused(err error) bool {
	var p *client.Problem
	if !l.cfg.FullDisks || !errors.As(err, &p) || p.Code != client.CodeDiskFull {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
	if errors.Is(err, client.ErrUnknownOutcome) {
		l.doubtful++
	}
	l.signal()
	return true
}

// begin numbers the next increment, if one more is wanted. While the load is paused it waits.
func (l *Load) begin(ctx context.Context) (number int, ok bool) {
	for {
		number, ok, resumed := l.tryBegin()
		if resumed == nil {
			return number, ok
		}
		select {
		case <-resumed:
		case <-ctx.Done():
			return 0, false
		}
	}
}

// tryBegin is begin without the wait: resumed is nil unless the load is paused.
func (l *Load) tryBegin() (number int, ok bool, resumed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.resumed != nil:
		return 0, false, l.resumed
	case l.stopping || len(l.errs) > 0 || l.cfg.Increments > 0 && l.begun >= l.cfg.Increments:
		return 0, false, nil
	}
	l.begun++
	l.underWay++
	return l.begun, true, nil
}

// end notes that an increment is no longer under way.
func (l *Load) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.underWay--
	l.signal()
}

func (l *Load) answered(number int, value uint64, replayed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latest = max(l.latest, number)
	l.answers.add(value)
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
	return l.answers.answers()
}

// WaitFor returns once n increments were answered. It fails when a worker has
// failed, the load has ended short of n, or ctx ends.
func (l *Load) WaitFor(ctx context.Context, n int) error {
	return l.wait(ctx, fmt.Sprintf("%d increments", n), func() bool { return l.answers.answers() >= n })
}

// Refused is how many increments were refused so far because disks are full.
func (l *Load) Refused() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

// WaitForRefusals returns once n increments were refused because disks are full. It fails as
// WaitFor does.
func (l *Load) WaitForRefusals(ctx context.Context, n int) error {
	return l.wait(ctx, fmt.Sprintf("%d refusals", n), func() bool { return l.refused >= n })
}

// Begun is how many increments were begun so far.
func (l *Load) Begun() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun
}

// WaitForLater returns once an increment was answered that was begun after the
// first begun ones. It fails as WaitFor does.
func (l *Load) WaitForLater(ctx context.Context, begun int) error {
	return l.wait(ctx, fmt.Sprintf("one after %d", begun), func() bool { return l.latest > begun })
}

// wait returns once there is what is waited for; reached is called with mu held.
func (l *Load) wait(ctx context.Context, what string, reached func() bool) error {
	for ended := false; ; {
		l.mu.Lock()
		ok, have, err, changed := reached(), l.answers.answers(), errors.Join(l.errs...), l.changed
		l.mu.Unlock()
		switch {
		case err != nil || ok:
			return err
		case ended:
			return fmt.Errorf("counter: the load ended after %d increments, waiting for %s", have, what)
		}
		select {
		case <-changed:
		case <-l.done:
			ended = true
		case <-ctx.Done():
			return fmt.Errorf("counter: %d increments were answered, waiting for %s: %w", have, what, ctx.Err())
		}
	}
}
