package node

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/wraft/wraft/raft"
)

// countingLog is a log of entries without data, which counts what it was asked for and says
// no at an index.
type countingLog struct {
	last, broken raft.Index

	mu    sync.Mutex   // guards:
	asked []raft.Index // the first of each
}

var errBrokenLog = errors.New("broken log")

func (l *countingLog) Entries(_ raft.GroupID, lo, hi raft.Index, _ uint64) (out []raft.Entry, err error) {
	l.mu.Lock()
	l.asked = append(l.asked, lo)
	l.mu.Unlock()
	for i := lo; i < min(hi, l.last+1); i++ {
		if i == l.broken {
			break
		}
		out = append(out, raft.Entry{Index: i, Term: 3})
	}
	if len(out) == 0 {
		return nil, errBrokenLog
	}
	return out, nil
}

// readRange reads a range as an applier does.
func readRange(r EntryReader, first, last raft.Index) (out []raft.Entry, err error) {
	for next := first; next <= last; {
		entries, err := r.Entries(7, next, last+1, applyReadBytesMax)
		if err != nil {
			return out, err
		}
		out, next = append(out, entries...), next+raft.Index(len(entries))
	}
	return out, nil
}

// TestLogAheadReadsWhatTheLogHas: every range comes as from the log itself, with the error
// where that has one.
func TestLogAheadReadsWhatTheLogHas(t *testing.T) {
	for _, broken := range []raft.Index{0, 1, 2, 129, 200, 1000} {
		for _, w := range []raft.ApplyRange{{First: 1, Last: 1}, {First: 2, Last: 128}, {First: 2, Last: 129}, {First: 2, Last: 130}, {First: 1, Last: 1000}, {First: 900, Last: 1200}} {
			want, wantErr := readRange(&countingLog{last: 1100, broken: broken}, w.First, w.Last)
			r := &logAhead{log: &countingLog{last: 1100, broken: broken}}
			r.begin(7, w)
			got, err := readRange(r, w.First, w.Last)
			r.finish()
			if !reflect.DeepEqual(got, want) || !errors.Is(err, wantErr) {
				t.Errorf("broken at %d: %d to %d: %d entries, want %d, %v, want %v", broken, w.First, w.Last, len(got), len(want), err, wantErr)
			}
		}
	}
}

// TestLogAheadStaysInTheRange: it is read ahead so far and not farther, nothing behind the
// range, and nothing at all of a range that is short or at hand.
func TestLogAheadStaysInTheRange(t *testing.T) {
	for _, c := range []struct {
		w    raft.ApplyRange
		want []raft.Index
	}{
		{raft.ApplyRange{First: 11, Last: 10 + 20*logPieceEntries}, []raft.Index{11, 11 + logPieceEntries, 11 + 2*logPieceEntries}},
		{raft.ApplyRange{First: 11, Last: 11 + logPieceEntries}, []raft.Index{11, 11 + logPieceEntries}},
		{raft.ApplyRange{First: 11, Last: 10 + logPieceEntries}, nil},
		{raft.ApplyRange{First: 1, Last: 1000, Entries: make([]raft.Entry, 1000)}, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			log := &countingLog{last: 1 << 20}
			r := &logAhead{log: log}
			r.begin(7, c.w)
			synctest.Wait()
			if !reflect.DeepEqual(log.asked, c.want) {
				t.Errorf("%d to %d: asked for %v, want %v", c.w.First, c.w.Last, log.asked, c.want)
			}
			r.finish()
			r.finish()
		})
	}
}

// TestLogAheadAnswersOtherQuestions: what is not the next piece of the range comes from the
// log, and does not end the range.
func TestLogAheadAnswersOtherQuestions(t *testing.T) {
	r := &logAhead{log: &countingLog{last: 5000}}
	r.begin(7, raft.ApplyRange{First: 1, Last: 1000})
	defer r.finish()
	for _, lo := range []raft.Index{500, 2, 4000} {
		if got, err := r.Entries(7, lo, lo+10, 1); err != nil || len(got) != 10 || got[0].Index != lo {
			t.Errorf("%d: %d entries, %v", lo, len(got), err)
		}
	}
	if got, err := readRange(r, 1, 1000); err != nil || len(got) != 1000 {
		t.Errorf("%d entries, %v", len(got), err)
	}
}
