package history

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Report is the verdict on a history.
type Report struct {
	// Ops is how many operations were judged, Answered how many had an answer.
	Ops, Answered int
	// Lost are acknowledged appends that the final value of their key does not
	// hold; Doubled are appends that it holds more than once.
	Lost, Doubled int
	// Illegal are keys without an order of their operations that explains every answer, and
	// answers whose index contradicts time.
	Illegal int
	// Unknown are keys whose search took longer than it may.
	Unknown int
	// Problems say what is wrong, in words: one for each of the above, and for
	// every key without an order and every index out of order.
	Problems []string

	broken []porcupine.LinearizationInfo
}

// OK reports whether nothing is wrong and nothing is open.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// problemsMax bounds what a report says of one kind.
const problemsMax = 20

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) < problemsMax {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Check judges a history that began with an empty map. Each key's search ends after
// patience. The values of appends must differ from each other and have the same
// length; a key that is appended to is not also Put or CompareAndSet. A loss is
// counted on keys whose last operations are an answered Get.
func Check(ops []Op, patience time.Duration) *Report {
	j := NewJudge(patience)
	byCall, byReturn := slices.Clone(ops), slices.Clone(ops)
	slices.SortFunc(byCall, func(a, b Op) int { return cmp.Compare(a.Called, b.Called) })
	slices.SortFunc(byReturn, func(a, b Op) int { return cmp.Compare(a.ended(), b.ended()) })
	marks := map[time.Duration]Mark{}
	for _, op := range byReturn {
		for ; len(byCall) > 0 && byCall[0].Called <= op.ended(); byCall = byCall[1:] {
			if _, ok := marks[byCall[0].Called]; !ok {
				marks[byCall[0].Called] = j.Mark()
			}
		}
		j.Record(op, marks[op.Called])
	}
	return j.Report()
}

// judgeKey judges one key's operations.
func judgeKey(key string, ops []Op, patience time.Duration) *Report {
	r := &Report{}
	r.linearizable(key, ops, patience)
	r.appended(key, ops)
	r.fresh(key, ops)
	return r
}

// add takes in the verdict on a key.
func (r *Report) add(key *Report) {
	r.Lost, r.Doubled, r.Illegal, r.Unknown = r.Lost+key.Lost, r.Doubled+key.Doubled, r.Illegal+key.Illegal, r.Unknown+key.Unknown
	for _, p := range key.Problems {
		r.problem("%s", p)
	}
	if len(r.broken) == 0 {
		r.broken = key.broken // Why one: it is drawn, and histories are large
	}
}

// linearizable searches an order of one key's operations.
func (r *Report) linearizable(key string, ops []Op, patience time.Duration) {
	verdict, info := porcupine.CheckOperationsVerbose(model, operations(ops), patience)
	switch verdict {
	case porcupine.Unknown:
		r.Unknown++
		r.problem("key %s: no verdict on %d operations within %v", key, len(ops), patience)
	case porcupine.Illegal:
		r.Illegal++
		r.broken = append(r.broken, info)
		r.problem("key %s: its %d operations have no order that explains every answer", key, len(ops))
	}
}

// appended holds the final value of a key against the appends to it.
func (r *Report) appended(key string, ops []Op) {
	last, ok := final(ops)
	if !ok {
		return
	}
	for _, op := range ops {
		if op.Kind == settled && op.Length > 0 && !strings.HasPrefix(last.Found.Value, op.Value) {
			r.Lost++
			r.problem("key %s: it held %s when it was judged before, and now %s", key, describeText(Text{Present: true, Value: op.Value}), describeText(last.Found))
		}
		if op.Kind != Append {
			continue
		}
		switch n := count(last.Found.Value, op.Value); {
		case n == 0 && op.Answered && op.Returned < last.Called:
			r.Lost++
			r.problem("key %s: %s was acknowledged and is lost", key, describe(op))
		case n > 1:
			r.Doubled++
			r.problem("key %s: %s is there %d times", key, describe(op), n)
		}
	}
}

// final is the last answered read of a key.
func final(ops []Op) (last Op, ok bool) {
	for _, op := range ops {
		if op.Kind == Get && op.Answered && op.Staleness == 0 && (!ok || op.Called > last.Called) {
			last, ok = op, true
		}
	}
	return last, ok
}

// count is how many of the equally long pieces of a value are the piece.
func count(value, piece string) (n int) {
	for ; len(piece) > 0 && len(value) >= len(piece); value = value[len(piece):] {
		if strings.HasPrefix(value, piece) {
			n++
		}
	}
	return n
}

// fresh holds reads that may be stale, of a key that is appended to alone, against what was
// acknowledged longer before than they may be stale, and against the key's final value.
func (r *Report) fresh(key string, ops []Op) {
	last, ok := final(ops)
	for _, op := range ops {
		if op.Staleness == 0 || !op.Answered {
			continue
		}
		if ok && !strings.HasPrefix(last.Found.Value, op.Found.Value) {
			r.Illegal++
			r.problem("key %s: %s, which the key never held: at last it is %s", key, describe(op), describeText(last.Found))
		}
		for _, a := range ops {
			if a.Kind == Append && a.Answered && a.Returned < op.Called-op.Staleness && a.Length > uint64(len(op.Found.Value)) {
				r.Illegal++
				r.problem("key %s: %s, with %v of staleness, and %s was acknowledged %v before", key, describe(op), op.Staleness, describe(a), op.Called-a.Returned)
				break
			}
		}
	}
}

// Draw writes a page that shows the first key without an order, as HTML. It reports
// whether there was one.
func (r *Report) Draw(w io.Writer) (bool, error) {
	if len(r.broken) == 0 {
		return false, nil
	}
	if err := porcupine.Visualize(model, r.broken[0], w); err != nil {
		return false, fmt.Errorf("history: draw: %w", err)
	}
	return true, nil
}
