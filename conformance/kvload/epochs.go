package kvload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wraft/wraft/conformance/history"
)

var errUnanswered = errors.New("kvload: no answer")

// lastReadPause is the time before a read that has to be answered is tried again.
const lastReadPause = 20 * time.Millisecond

// epoch are the keys that were in use at the same time.
type epoch struct {
	underWay int
	keys     []string
	used     map[string]bool
}

// epochs are those that were not settled yet, and the keys of those that were.
type epochs struct {
	open    map[int]*epoch
	newest  int
	settled []string
}

// begin notes that an operation begins.
func (e *epochs) begin(number int, key string) {
	e.newest = max(e.newest, number)
	o := e.open[number]
	if o == nil {
		o = &epoch{used: map[string]bool{}}
		e.open[number] = o
	}
	o.underWay++
	if !o.used[key] {
		o.used[key] = true
		o.keys = append(o.keys, key)
	}
}

// take returns the keys of an epoch that has ended, which from then on counts as settled; with all, also of one that might go on.
func (e *epochs) take(all bool) (keys []string, ok bool) {
	for number, o := range e.open {
		if o.underWay == 0 && (all || number < e.newest) {
			delete(e.open, number)
			e.settled = append(e.settled, o.keys...)
			return o.keys, true
		}
	}
	return nil, false
}

// over notes that a task has ended.
func (l *Load) over(t task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epochs.open[t.epoch].underWay--
	l.signal()
}

// settleThose settles epochs as they end, until the workers have ended. Why while the load
// goes on: what is judged is forgotten, so that a load may go on for hours.
func (l *Load) settleThose(ctx context.Context, ended <-chan struct{}) {
	for {
		l.mu.Lock()
		keys, ok := l.epochs.take(false)
		changed := l.changed
		l.mu.Unlock()
		if ok {
			if err := l.settle(ctx, keys); err != nil {
				l.fail(err)
			}
			continue
		}
		select {
		case <-changed:
		case <-ended:
			return
		}
	}
}

// settleRest settles what is left once the workers have ended, after it has read all keys
// that were settled before: what they held must be there still.
func (l *Load) settleRest(ctx context.Context) error {
	l.mu.Lock()
	keys := slices.Clone(l.epochs.settled)
	for more, ok := l.epochs.take(true); ok; more, ok = l.epochs.take(true) {
		keys = append(keys, more...)
	}
	l.mu.Unlock()
	return l.settle(ctx, keys)
}

// settle reads keys and has them judged.
func (l *Load) settle(ctx context.Context, keys []string) error {
	w := &worker{load: l, client: l.cfg.Clients[0], number: l.newClient(), patience: l.cfg.Patience}
	for _, key := range keys {
		if err := w.lastRead(ctx, key); err != nil {
			return errors.Join(fmt.Errorf("kvload: the last read of key %s was not answered", key), err)
		}
		l.judge.Settle(key)
	}
	return nil
}

// lastRead reads a key until it is answered, for as long as an operation may take and the load
// has not failed. Why again: a client gives a read up soon when it reaches no node, and all may
// be down.
func (w *worker) lastRead(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	for {
		answered, err := w.carryOut(ctx, task{op: history.Op{Kind: history.Get, Key: key}})
		if answered || err != nil {
			return err
		}
		if w.load.failed() {
			return errUnanswered
		}
		select {
		case <-time.After(lastReadPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
