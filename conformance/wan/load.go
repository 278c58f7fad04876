package wan

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/client"
)

const (
	machine = "kv"
	// slots are the keys of a worker, which it sets in turn.
	slots = 16
	// valueBytesMin is the number that a value begins with.
	valueBytesMin = 8
	// slowestMicros is the longest time that is told apart.
	slowestMicros = 120_000_000
	// patience bounds one write, elections and the queue of a link that collapses
	// included.
	patience = time.Minute
)

// command is what the machine takes: operation, key, value and expected value.
type command struct {
	_         struct{} `cbor:",toarray"`
	Operation string
	Key       []byte
	Value     []byte
	Expected  []byte // nil is null
}

// load sets keys and remembers what was acknowledged. In a closed loop each worker
// sends its next write when the last is answered; at a rate writes are due on a
// schedule that does not wait, and take their time from when they were due.
type load struct {
	client *client.Client
	value  int // bytes
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex // guards all below
	workers []*worker
	open    *window // nil: nothing is measured
	refused int     // writes that no worker was free for
	errs    []error
}

// worker has keys of its own and one write under way.
type worker struct {
	number uint64
	begun  uint64        // numbers writes
	acked  [slots]uint64 // the last acknowledged write of each key
	sent   [slots]uint64 // the last that was begun
}

// window is a time that is measured.
type window struct {
	began time.Time
	ended time.Time
	times *hdrhistogram.Histogram // microseconds
}

// startLoad begins to write with so many workers; rate is in writes a second, 0 a
// closed loop.
func startLoad(ctx context.Context, c *client.Client, workers, rate, valueBytes int) *load {
	ctx, stop := context.WithCancel(ctx)
	l := &load{client: c, value: max(valueBytes, valueBytesMin), stop: stop}
	var due chan time.Time
	if rate > 0 {
		due = make(chan time.Time, workers)
		l.done.Go(func() { l.schedule(ctx, due, rate) })
	}
	for i := range workers {
		w := &worker{number: uint64(i)}
		l.workers = append(l.workers, w)
		l.done.Go(func() { l.work(ctx, w, due) })
	}
	return l
}

// schedule hands out writes as they become due. Those that find no worker, nor room
// to wait for one, are refused.
func (l *load) schedule(ctx context.Context, due chan<- time.Time, rate int) {
	began := time.Now()
	for n := 1; ctx.Err() == nil; n++ {
		at := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		if wait := time.Until(at); wait > 0 {
			time.Sleep(wait) // Why bare: it is a fraction of a second
		}
		select {
		case due <- at:
		default:
			l.mu.Lock()
			if l.open != nil {
				l.refused++
			}
			l.mu.Unlock()
		}
	}
}

// work writes until the load is stopped; the write under way is finished.
func (l *load) work(ctx context.Context, w *worker, due <-chan time.Time) {
	began := time.Now()
	for ctx.Err() == nil {
		if due != nil {
			select {
			case began = <-due:
			case <-ctx.Done():
				return
			}
		} else {
			began = time.Now()
		}
		if err := l.write(context.WithoutCancel(ctx), w); err != nil {
			l.mu.Lock()
			l.errs = append(l.errs, fmt.Errorf("wan: worker %d: %w", w.number, err))
			l.mu.Unlock()
			return
		}
		l.record(began, time.Now())
	}
}

// write sets the worker's next key.
func (l *load) write(ctx context.Context, w *worker) error {
	w.begun++
	slot := w.begun % slots
	w.sent[slot] = w.begun
	value := make([]byte, l.value)
	binary.BigEndian.PutUint64(value, w.begun)
	data, err := cbor.Marshal(command{Operation: "put", Key: w.key(slot), Value: value})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := l.client.Command(ctx, machine, data); err != nil {
		if errors.Is(err, client.ErrUnknownOutcome) {
			return nil // Why: it may hold or not, and both are right
		}
		return err
	}
	w.acked[slot] = w.begun
	return nil
}

func (w *worker) key(slot uint64) []byte { return fmt.Appendf(nil, "wan-%d-%d", w.number, slot) }

func (l *load) record(began, ended time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil || began.Before(l.open.began) {
		return
	}
	// Why the error is dropped: the value is made to fit the histogram's range.
	_ = l.open.times.RecordValue(min(max(ended.Sub(began).Microseconds(), 1), slowestMicros))
}

// measure begins to count writes that are due from now on.
func (l *load) measure() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = &window{began: time.Now(), times: hdrhistogram.New(1, slowestMicros, 3)}
}

// finish ends the measured time, lets the writes under way be answered and returns
// what was measured: their answers still count.
func (l *load) finish() (*window, error) {
	l.stop()
	l.mu.Lock()
	if l.open != nil {
		l.open.ended = time.Now()
	}
	l.mu.Unlock()
	l.done.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open, errors.Join(l.errs...)
}

// check reads every key and returns how many hold less than was acknowledged.
func (l *load) check(ctx context.Context) (lost int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var readers sync.WaitGroup
	for _, w := range l.workers {
		readers.Go(func() {
			n, err := l.checkWorker(ctx, w)
			l.mu.Lock()
			lost += n
			l.mu.Unlock()
			if err != nil {
				cancel(err)
			}
		})
	}
	readers.Wait()
	return lost, context.Cause(ctx)
}

func (l *load) checkWorker(ctx context.Context, w *worker) (lost int, err error) {
	for slot := range uint64(slots) {
		if w.acked[slot] == 0 {
			continue
		}
		data, err := cbor.Marshal(command{Operation: "get", Key: w.key(slot)})
		if err != nil {
			return lost, fmt.Errorf("wan: encode: %w", err)
		}
		r, err := l.client.Query(ctx, machine, client.Query{Data: data})
		if err != nil {
			return lost, fmt.Errorf("wan: read back: %w", err)
		}
		var value []byte
		if err := cbor.Unmarshal(r.Data, &value); err != nil {
			return lost, fmt.Errorf("wan: read back: answer %x: %w", r.Data, err)
		}
		if len(value) != l.value {
			lost++
		} else if n := binary.BigEndian.Uint64(value); n < w.acked[slot] || n > w.sent[slot] {
			lost++
		}
	}
	return lost, nil
}
