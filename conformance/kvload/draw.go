package kvload

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/history"
)

// task is an operation that a worker is to carry out.
type task struct {
	op    history.Op
	epoch int
	// read is how a Get is asked for.
	read client.Consistency
	// name is the command's idempotency key where it is sent under one.
	name string
}

// draw chooses the next operation, a read if it has to be one; ok is false when no more is
// wanted.
func (l *Load) draw(rng *rand.Rand, read bool) (t task, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopping || len(l.errs) > 0 {
		return t, false
	}
	l.begun++
	number, place := l.begun/(l.cfg.Keys*l.cfg.KeyOps), rng.IntN(l.cfg.Keys)
	compared := place%5 == 4
	t = task{epoch: number, name: fmt.Sprintf("%s%d", l.cfg.Prefix, l.begun)}
	t.op.Key = fmt.Sprintf("%s%d/%d", l.cfg.Prefix, number, place)
	t.op.Value = string(binary.BigEndian.AppendUint64(nil, uint64(l.begun)))
	switch dice := rng.IntN(10); {
	case read || dice < 3:
		t.op.Kind = history.Get
		l.drawRead(&t, rng, compared)
	case !compared:
		t.op.Kind = history.Append
	case dice < 5:
		t.op.Kind = history.Put
	default:
		t.op.Kind = history.CompareAndSet
	}
	l.epochs.begin(number, t.op.Key)
	return t, true
}

// drawRead chooses how fresh a read has to be: most are to be linearizable. mu is held.
func (l *Load) drawRead(t *task, rng *rand.Rand, compared bool) {
	switch dice := rng.IntN(10); {
	case dice < 2 && !l.noLease:
		t.read = client.Lease
	case dice == 2 && !compared:
		t.read, t.op.Staleness = client.Stale, l.cfg.Staleness
	}
}

// keysPerSecond bounds the idempotency keys. Why: a machine keeps them for ten minutes at
// least, and refuses new ones when it has many.
const keysPerSecond = 100

// mayName reports whether one more command may be sent under an idempotency key.
func (l *Load) mayName() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noKeys || float64(l.keyed) > keysPerSecond*(1+time.Since(l.began).Seconds()) {
		return false
	}
	l.keyed++
	return true
}

// lacks notes that the cluster refuses something for good that the load can do without.
func (l *Load) lacks(code client.Code) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch code {
	case client.CodeLeaseNotAllowed:
		l.noLease = true
	case client.CodeFeatureLevel:
		l.noKeys = true
	default:
		return false
	}
	return true
}
