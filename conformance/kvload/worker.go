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

// manner is how a worker sends its commands.
type manner int

const (
	sessional manner = iota + 1 // in a session, until they are answered
	keyed                       // under idempotency keys, until they are answered
	batching                    // many at a time, some of them under keys
	plain                       // once
	reading                     // sends none
)

// manners are those of the workers, in turn.
var manners = [...]manner{sessional, batching, sessional, keyed, sessional, plain}

// batchCommands is how many commands a batch has at most.
const batchCommands = 4

// worker does one operation after the other, or one batch.
type worker struct {
	load     *Load
	client   *client.Client
	number   int // as which it is known to the history
	rng      *rand.Rand
	manner   manner
	patience time.Duration
	session  *client.Session

	read map[string]history.Text // what it saw last of the keys it compares
}

func (w *worker) run(ctx context.Context) error {
	w.read = map[string]history.Text{}
	if w.manner == sessional || w.manner == keyed { // Why keyed: where there are too many keys
		register, cancel := context.WithTimeout(ctx, w.patience)
		session, err := w.client.Register(register, w.load.cfg.Machine)
		cancel()
		if err != nil {
			return fmt.Errorf("register: %w", err)
		}
		w.session = session
	}
	for {
		t, ok := w.load.draw(w.rng, w.manner == reading)
		if !ok {
			return nil
		}
		if err := w.turn(ctx, t); err != nil {
			return err
		}
		time.Sleep(time.Duration(w.rng.Int64N(int64(w.load.cfg.Pause))))
	}
}

// turn carries out a task, or with it a batch.
func (w *worker) turn(ctx context.Context, t task) error {
	if w.manner == batching && t.op.Kind != history.Get {
		return w.batch(ctx, t)
	}
	defer w.load.over(t)
	w.complete(&t)
	if w.manner != keyed || !w.load.mayName() {
		t.name = ""
	}
	_, err := w.carryOut(ctx, t)
	return err
}

// complete has a comparison expect what the worker saw last, and forgets keys that nobody
// uses any more.
func (w *worker) complete(t *task) {
	if t.op.Kind == history.CompareAndSet {
		t.op.Expected = w.read[t.op.Key]
	}
	if len(w.read) > 2*w.load.cfg.Keys {
		clear(w.read)
	}
}

// carryOut does one task, records what came of it, and reports whether it was
// answered. An error is one that no fault of the cluster excuses.
func (w *worker) carryOut(ctx context.Context, t task) (answered bool, err error) {
	data, err := encode(t.op)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	before := w.load.judge.Mark()
	t.op.Client, t.op.Called = w.number, time.Since(w.load.began)
	answer, index, err := w.ask(ctx, t, data)
	answered, open, err := w.conclude(t, before, answer, index, err)
	if open {
		// Why another number: the operation may still take effect beside the next.
		w.number = w.load.newClient()
	}
	return answered, err
}

// ask sends a query for a Get and a command for everything else.
func (w *worker) ask(ctx context.Context, t task, data []byte) (answer []byte, index uint64, err error) {
	machine := w.load.cfg.Machine
	if t.op.Kind == history.Get {
		r, err := w.client.Query(ctx, machine, client.Query{Data: data, Consistency: t.read, MaxStaleness: t.op.Staleness})
		return r.Data, r.AppliedIndex, err
	}
	var r client.CommandResult
	switch {
	case t.name != "":
		r, err = w.client.KeyedCommand(ctx, machine, t.name, data)
	case w.session != nil:
		r, err = w.session.Command(ctx, data)
	default:
		r, err = w.client.Command(ctx, machine, data)
	}
	return r.Data, r.Index, err
}

// batch sends commands together, the first of which was drawn already.
func (w *worker) batch(ctx context.Context, first task) error {
	tasks, commands := []task{first}, []client.BatchCommand{}
	for len(tasks) < batchCommands {
		t, ok := w.load.draw(w.rng, false)
		if !ok {
			break
		}
		if tasks = append(tasks, t); t.op.Kind == history.Get {
			break
		}
	}
	for i := range tasks {
		t := &tasks[i]
		defer w.load.over(*t)
		if t.op.Kind == history.Get {
			continue
		}
		w.complete(t)
		if i%2 == 1 || !w.load.mayName() {
			t.name = ""
		}
		data, err := encode(t.op)
		if err != nil {
			return err
		}
		commands = append(commands, client.BatchCommand{Data: data, Key: t.name})
	}
	if err := w.sendBatch(ctx, tasks[:len(commands)], commands); err != nil || len(commands) == len(tasks) {
		return err
	}
	_, err := w.carryOut(ctx, tasks[len(commands)])
	return err
}

// sendBatch sends the commands of tasks together and records what came of each.
func (w *worker) sendBatch(ctx context.Context, tasks []task, commands []client.BatchCommand) error {
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	before, called := w.load.judge.Mark(), time.Since(w.load.began)
	results, err := w.client.Batch(ctx, w.load.cfg.Machine, commands)
	if err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	var errs []error
	for i, r := range results {
		t := tasks[i]
		t.op.Client, t.op.Called = w.load.newClient(), called
		_, _, err := w.conclude(t, before, r.Data, r.Index, r.Err)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// conclude records what came of an operation. It is open when it may take effect still.
func (w *worker) conclude(t task, before history.Mark, answer []byte, index uint64, failure error) (answered, open bool, err error) {
	op := t.op
	op.Returned = time.Since(w.load.began)
	switch {
	case failure == nil:
		op.Answered, op.Index = true, index
		if err := decode(&op, answer); err != nil {
			return false, false, err
		}
		w.note(op)
	case !w.excused(t, failure):
		return false, false, fmt.Errorf("%v: %w", op.Kind, failure)
	case !errors.Is(failure, client.ErrUnknownOutcome):
		return false, false, nil // Why: it certainly had no effect, and the history is of effects
	default:
		open = true
	}
	w.load.record(op, before)
	return op.Answered, open, nil
}

// excused reports whether an operation may go unanswered: when the cluster was in no state
// to answer, a read, or a command that is sent once; or when it refuses what it need not do.
func (w *worker) excused(t task, err error) bool {
	var p *client.Problem
	if !errors.As(err, &p) {
		return false
	}
	if t.read == client.Lease && p.Code == client.CodeLeaseNotAllowed || t.name != "" && p.Code == client.CodeFeatureLevel {
		return w.load.lacks(p.Code)
	}
	if p.Code == client.CodeDiskFull {
		return w.load.cfg.FullDisks
	}
	if t.op.Kind != history.Get && (w.session != nil || t.name != "") {
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
