package node

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

const (
	// errandsMax bounds the calls of one machine that wait for a fork.
	errandsMax = 256
	// refreshBytes is how much of a fork is copied between two entries: 1 to 3 ms.
	refreshBytes = 4 << 20
	// retryForkAfter is when a machine asks again for a fork that others have.
	retryForkAfter = 20 * time.Millisecond
)

// errand is a call that takes long and runs on a fork of the machine.
type errand struct {
	begin  func()                              // on the applier's, when the fork stands for at; may be nil
	run    func(f *plugins.Fork) error         // on a goroutine of its own
	answer func(applied raft.Index, err error) // on the applier's, once
	fork   *plugins.Fork                       // from when there is one
	at     raft.Index                          // which the fork stands for
	err    error                               // of run
}

// errands are the calls of one machine that run beside its applies. The applier's
// goroutine owns them; those that run report through done.
type errands struct {
	waiting []*errand
	running int
	done    chan *errand
	// retry calls dispatch while retrying is true; nil until it was needed.
	retry    clock.Timer
	retrying bool
}

// wake is when the applier calls retried.
func (e *errands) wake() <-chan time.Time {
	if e.retry == nil {
		return nil
	}
	return e.retry.C()
}

// send runs an errand as soon as there is a fork for it.
func (l *applierLoop) send(e *errand) {
	if len(l.errands.waiting) >= errandsMax {
		e.answer(0, ErrBusy)
		return
	}
	l.errands.waiting = append(l.errands.waiting, e)
	l.dispatch()
}

// dispatch takes forks for the errands that wait. When there is none now it tries
// again as soon as one of this machine comes back, or else after a while.
func (l *applierLoop) dispatch() {
	for len(l.errands.waiting) > 0 {
		f, err := l.fork()
		if errors.Is(err, plugins.ErrForks) {
			l.retry()
			return
		}
		e := l.errands.waiting[0]
		l.errands.waiting = l.errands.waiting[1:]
		switch {
		case err != nil:
			e.answer(0, err)
		default:
			e.fork = f
			l.errands.running++
			l.refresh(e)
		}
	}
}

func (l *applierLoop) retry() {
	e := &l.errands
	switch {
	case e.running > 0 || e.retrying:
		return
	case e.retry == nil:
		e.retry = l.node.clock.NewTimer(retryForkAfter)
	default:
		e.retry.Reset(retryForkAfter)
	}
	e.retrying = true
}

// retried is called when the timer of retry fires.
func (l *applierLoop) retried() {
	l.errands.retrying = false
	l.dispatch()
}

func (l *applierLoop) fork() (*plugins.Fork, error) {
	switch {
	case l.halted != nil:
		return nil, &MachineHaltedError{Cause: l.halted}
	case l.applier == nil: // it is being rebuilt
		return nil, plugins.ErrForks
	}
	f, err := l.applier.Fork(l.node.ctx)
	if err == nil && f == nil { // a module has taken over that makes none
		err = ErrBusy
	}
	return f, err
}

// refresh copies the machine's state into an errand's fork, a piece at a time so
// that entries are applied in between, and starts the errand when all is there.
func (l *applierLoop) refresh(e *errand) {
	if l.halted != nil {
		l.release(e, &MachineHaltedError{Cause: l.halted})
		return
	}
	ready, err := e.fork.Refresh(refreshBytes)
	switch {
	case errors.Is(err, plugins.ErrClosed): // another module has taken over
		l.errands.running--
		_ = e.fork.Release(l.node.ctx) // nothing can be done about it
		l.send(e)
	case err != nil:
		l.release(e, err)
	case ready:
		l.runBeside(e)
	case !l.in.force(func(l *applierLoop) { l.refresh(e) }):
		l.release(e, ErrStopping)
	}
}

// runBeside runs an errand on a goroutine of its own.
func (l *applierLoop) runBeside(e *errand) {
	if l.errands.done == nil {
		l.errands.done = make(chan *errand)
	}
	e.at = l.applier.Applied()
	if e.begin != nil {
		e.begin()
	}
	done := l.errands.done
	go func() {
		e.err = e.run(e.fork)
		if !l.in.force(func(l *applierLoop) { l.release(e, e.err) }) {
			done <- e // finishErrands waits for it
		}
	}()
}

// release gives an errand's fork back and answers.
func (l *applierLoop) release(e *errand, err error) {
	l.errands.running--
	if closed := e.fork.Release(l.node.ctx); err == nil {
		err = closed
	}
	e.answer(e.at, err)
	l.dispatch()
}

// finishErrands waits for those that run and refuses the others. The mailbox is
// closed and empty.
func (l *applierLoop) finishErrands(cause error) {
	if l.errands.retry != nil {
		l.errands.retry.Stop()
	}
	for _, e := range l.errands.waiting {
		e.answer(0, cause)
	}
	l.errands.waiting = nil
	for l.errands.running > 0 {
		e := <-l.errands.done
		l.release(e, e.err)
	}
}

// exportDigest answers with the digest of the machine's exported state, which takes
// as long as the state is large.
func (l *applierLoop) exportDigest(answer func([32]byte, raft.Index, error)) {
	if _, ok := l.applier.machine.(Forker); !ok {
		answer(l.applier.Digest(l.node.ctx))
		return
	}
	h := sha256.New()
	l.send(&errand{
		run:    func(f *plugins.Fork) error { return f.Export(h) },
		answer: func(at raft.Index, err error) { answer([32]byte(h.Sum(nil)), at, err) },
	})
}
