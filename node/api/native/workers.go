package native

import (
	"context"
	"sync"
	"sync/atomic"
)

// idleWorkersMax bounds the goroutines of a connection that wait for its next request.
const idleWorkersMax = 64

// workers are the goroutines that answer a connection's requests, one for each at a time.
//
// Why they take further ones: the stack of a new goroutine has to grow, twice or more, on the
// way through a request, which costs as much as a tenth of all that a command does.
type workers struct {
	ctx  context.Context // the connection's: nobody waits longer
	jobs chan func()     // unbuffered: whoever takes one has nothing else to do
	idle atomic.Int64
	wg   sync.WaitGroup
}

func newWorkers(ctx context.Context) *workers {
	return &workers{ctx: ctx, jobs: make(chan func())}
}

// do has a job done, by a goroutine that waits or by a new one.
func (w *workers) do(job func()) {
	select {
	case w.jobs <- job:
	default:
		w.wg.Go(func() { w.work(job) })
	}
}

// work does a job and then others, until the connection ends or enough others wait.
func (w *workers) work(job func()) {
	for {
		job()
		if w.idle.Add(1) > idleWorkersMax {
			w.idle.Add(-1)
			return
		}
		select {
		case job = <-w.jobs:
			w.idle.Add(-1)
		case <-w.ctx.Done():
			w.idle.Add(-1)
			return
		}
	}
}

// wait returns when all jobs are done; the connection must have ended, and nobody call do
// any more.
func (w *workers) wait() { w.wg.Wait() }
