package kvload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/history"
)

// worker does one operation after the other.
type worker struct {
	load    *Load
	client  *client.Client
	number  int // as which it is known to the history
	rng     *rand.Rand
	plain   bool // without a session
	session *client.Session

	read map[string]history.Text // what it saw last of the keys it compares
}

func (w *worker) run(ctx context.Context) error {
	w.read = map[string]history.Text{}
	if !w.plain {
		register, cancel := context.WithTimeout(ctx, w.load.cfg.Patience)
		session, err := w.client.Register(register, w.load.cfg.Machine)
		cancel()
		if err != nil {
			return fmt.Errorf("register: %w", err)
		}
		w.session = session
	}
	for {
		op, ok := w.load.draw(w.rng)
		if !ok {
			return nil
		}
		op.Expected = w.read[op.Key]
		if op.Kind != history.CompareAndSet {
			op.Expected = history.Text{}
		}
		if _, err := w.do(ctx, op); err != nil {
			return err
		}
		time.Sleep(time.Duration(w.rng.Int64N(int64(w.load.cfg.Pause))))
	}
}

// do carries out one operation, records what came of it, and reports whether it was
// answered. An error is one that no fault of the cluster excuses.
func (w *worker) do(ctx context.Context, op history.Op) (answered bool, err error) {
	data, err := encode(op)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, w.load.cfg.Patience)
	defer cancel()
	op.Client, op.Called = w.number, time.Since(w.load.began)
	answer, index, err := w.ask(ctx, op.Kind, data)
	op.Returned = time.Since(w.load.began)
	switch {
	case err == nil:
		op.Answered, op.Index = true, index
		if err := decode(&op, answer); err != nil {
			return false, err
		}
		w.note(op)
	case !w.excused(op.Kind, err):
		return false, fmt.Errorf("%v: %w", op.Kind, err)
	case !errors.Is(err, client.ErrUnknownOutcome):
		return false, nil // Why: it certainly had no effect, and the history is of effects
	default:
		// Why another number: the operation may still take effect beside the next.
		w.number = w.load.newClient()
	}
	w.load.record(op)
	return op.Answered, nil
}

// ask sends a query for a Get and a command for everything else.
func (w *worker) ask(ctx context.Context, kind history.Kind, data []byte) (answer []byte, index uint64, err error) {
	if kind == history.Get {
		r, err := w.client.Query(ctx, w.load.cfg.Machine, client.Query{Data: data})
		return r.Data, r.AppliedIndex, err
	}
	var r client.CommandResult
	if w.session != nil {
		r, err = w.session.Command(ctx, data)
	} else {
		r, err = w.client.Command(ctx, w.load.cfg.Machine, data)
	}
	return r.Data, r.Index, err
}

// excused reports whether an operation may go unanswered, when the cluster was in no
// state to answer: a read, or a command that is sent once.
func (w *worker) excused(kind history.Kind, err error) bool {
	var p *client.Problem
	if !errors.As(err, &p) || w.session != nil && kind != history.Get {
		return false
	}
	return p.Retryable || errors.Is(err, client.ErrUnknownOutcome)
}

// note remembers what a key held, for the next comparison.
func (w *worker) note(op history.Op) {
	if w.read == nil {
		return
	}
	switch {
	case op.Kind == history.Get:
		w.read[op.Key] = op.Found
	case op.Kind == history.Put, op.Kind == history.CompareAndSet && op.Set:
		w.read[op.Key] = history.Text{Present: true, Value: op.Value}
	}
}
