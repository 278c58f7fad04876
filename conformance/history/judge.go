package history

import (
	"slices"
	"sync"
	"time"
)

// Judge takes a history while it comes about, and forgets what it has judged: of a key that
// nobody uses any more its value stays and its operations that were never answered. It is
// safe for concurrent use.
type Judge struct {
	patience time.Duration

	// mu guards the fields below.
	mu     sync.Mutex
	report Report
	keys   map[string][]Op // not judged yet
	// newest is the answer with the greatest index.
	newest Op
}

// NewJudge begins with an empty map. The search for an order of one key's operations ends
// after patience.
func NewJudge(patience time.Duration) *Judge {
	return &Judge{patience: patience, keys: map[string][]Op{}}
}

// Mark is the newest answer before an operation was called.
type Mark struct{ newest Op }

// Mark is to be taken before an operation is called.
func (j *Judge) Mark() Mark {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Mark{j.newest}
}

// Record takes an operation that has ended, and the mark from before it was called. What was
// called after an answer must not have an index below it, over all keys, unless it is a read
// that may be stale.
func (j *Judge) Record(op Op, before Mark) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &j.report
	r.Ops++
	j.keys[op.Key] = append(j.keys[op.Key], op)
	if !op.Answered {
		return
	}
	r.Answered++
	if op.Index == 0 || op.Staleness > 0 {
		return
	}
	if newest := before.newest; op.Index < newest.Index {
		r.Illegal++
		r.problem("%s has index %d and was called after %s was answered with index %d", describe(op), op.Index, describe(newest), newest.Index)
	}
	if op.Index > j.newest.Index {
		j.newest = op
	}
}

// Settle judges a key whose operations have ended, and forgets what it may. The last
// operation should be an answered Get: without one no loss is counted. A key may be used, or
// read, and settled again.
func (j *Judge) Settle(key string) {
	j.mu.Lock()
	ops := j.keys[key]
	delete(j.keys, key)
	j.mu.Unlock()
	verdict := judgeKey(key, ops, j.patience)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.report.add(verdict)
	j.keys[key] = append(remainder(ops), j.keys[key]...)
}

// Report settles whatever was used and is the verdict on all that was recorded.
func (j *Judge) Report() *Report {
	j.mu.Lock()
	keys := make([]string, 0, len(j.keys))
	for key := range j.keys {
		keys = append(keys, key)
	}
	j.mu.Unlock()
	slices.Sort(keys)
	for _, key := range keys {
		j.Settle(key)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.report
	r.Problems, r.broken = slices.Clone(r.Problems), slices.Clone(r.broken)
	return &r
}

// remainder is what stands for a key's operations once they are judged: what it held at last,
// and what may still take effect.
func remainder(ops []Op) (out []Op) {
	last, ok := final(ops)
	if !ok {
		return ops // Why: nobody has seen what it holds
	}
	held := Op{Client: last.Client, Kind: settled, Key: last.Key, Value: last.Found.Value, Called: last.Called, Returned: last.Returned, Answered: true}
	if slices.ContainsFunc(ops, func(op Op) bool { return op.Kind == Append || op.Kind == settled && op.Length > 0 }) {
		held.Length = uint64(len(held.Value))
	}
	if last.Found.Present {
		out = append(out, held)
	}
	for _, op := range ops {
		if !op.Answered && op.Kind != Get {
			out = append(out, op)
		}
	}
	return out
}
