package bigsnapshot

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
)

// loadPause is what a worker rests between two writes: the load shows what others
// suffer and is not to be one itself.
const loadPause = 5 * time.Millisecond

// load adds to all machines, and remembers how long each write took.
type load struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu       sync.Mutex // guards what follows
	samples  []sample
	added    map[string]int64
	problems []error
}

// sample is one acknowledged write.
type sample struct {
	began time.Time
	took  time.Duration
}

// startLoad has a worker write to each machine until stop.
func startLoad(ctx context.Context, cl *client.Client, machines []string) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel, added: map[string]int64{}}
	for _, machine := range machines {
		l.ended.Go(func() {
			if err := l.write(ctx, cl, machine); err != nil && ctx.Err() == nil {
				l.mu.Lock()
				l.problems = append(l.problems, fmt.Errorf("bigsnapshot: write to %s: %w", machine, err))
				l.mu.Unlock()
			}
		})
	}
	return l
}

func (l *load) write(ctx context.Context, cl *client.Client, machine string) error {
	// Why not ctx: the last write is waited for, so that the sum is known.
	s, err := cl.Register(context.WithoutCancel(ctx), machine)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		began := time.Now()
		r, err := s.Command(context.WithoutCancel(ctx), []byte("add 1"))
		if err != nil {
			return err
		}
		if err := l.note(machine, sample{began, time.Since(began)}, string(r.Data)); err != nil {
			return err
		}
		select {
		case <-time.After(loadPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// note takes a write into account, whose answer must count all those before.
func (l *load) note(machine string, s sample, answer string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples = append(l.samples, s)
	l.added[machine]++
	if want := strconv.FormatInt(l.added[machine], 10); answer != want {
		return fmt.Errorf("answer %q, want %s: a write was lost or doubled", answer, want)
	}
	return nil
}

// p99 is that of the writes that began in a window, and how many there were.
func (l *load) p99(from, to time.Time) (time.Duration, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var took []time.Duration
	for _, s := range l.samples {
		if !s.began.Before(from) && s.began.Before(to) {
			took = append(took, s.took)
		}
	}
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)*99/100], len(took)
}

// stop ends the load and returns what it added to each machine.
func (l *load) stop() (map[string]int64, []error) {
	l.cancel()
	l.ended.Wait()
	return l.added, l.problems
}
