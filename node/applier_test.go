package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// echo is a machine that numbers the commands it runs and remembers its calls.
type echo struct {
	calls   [][]string
	moments []plugins.Moment
	ran     int
	fail    error
}

func (m *echo) Apply(_ context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error) {
	if m.fail != nil {
		return nil, m.fail
	}
	var call []string
	var out []plugins.Result
	for _, c := range commands {
		m.ran++
		call = append(call, string(c))
		out = append(out, plugins.Result{Data: fmt.Appendf(nil, "%s#%d", c, m.ran)})
	}
	m.calls, m.moments = append(m.calls, call), append(m.moments, at)
	return out, nil
}

func (m *echo) Query(_ context.Context, q []byte) (plugins.Result, error) {
	return plugins.Result{Data: fmt.Appendf(nil, "%s@%d", q, m.ran)}, nil
}

func (m *echo) Export(_ context.Context, w io.Writer) error {
	_, err := fmt.Fprint(w, m.ran)
	return err
}

func (m *echo) Close(context.Context) error { return nil }

// logOf is an EntryReader over a slice.
type logOf []raft.Entry

func (l logOf) Entries(_ raft.GroupID, lo, hi raft.Index, _ uint64) ([]raft.Entry, error) {
	if lo < 1 || int(hi) > len(l)+1 || lo >= hi {
		return nil, fmt.Errorf("no entries [%d, %d)", lo, hi)
	}
	return l[lo-1 : lo], nil // one at a time: callers must come back
}

func entry(t testing.TB, i raft.Index, term raft.Term, b Batch) raft.Entry {
	t.Helper()
	data, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return raft.Entry{Index: i, Term: term, Type: raft.EntryCommand, Data: data}
}

func call1(session SessionID, seq uint64, data string) Command {
	return Command{Kind: CommandCall, Session: session, Sequence: seq, Data: []byte(data)}
}

func TestApplierTakesRepeatsOutInLogOrder(t *testing.T) {
	m := &echo{}
	a := NewApplier(7, m, nil)
	entries := []raft.Entry{
		{Index: 1, Term: 1, Type: raft.EntryNoop},
		entry(t, 2, 1, Batch{Commands: []Command{{Kind: CommandOpenSession}}}),
		entry(t, 3, 1, Batch{Commands: []Command{call1(1, 1, "a"), call1(1, 1, "a"), call1(0, 0, "plain"), call1(1, 2, "b"), call1(9, 1, "expired")}}),
		entry(t, 4, 1, Batch{Commands: []Command{call1(1, 2, "b"), call1(0, 0, "plain")}}),
	}
	tickets := map[raft.Index][]Ticket{2: {"open"}, 3: {"a", "a again", "plain", "b", "expired"}, 4: {"b again", "plain again"}}
	got, err := a.Apply(context.Background(), ApplyWork{Range: raft.ApplyRange{First: 1, Last: 4, Entries: entries}, Waiting: tickets})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, g := range got[1:] {
		fmt.Fprintf(&text, "%v: %s status %d index %d replayed %v\n", g.Ticket, g.Answer.Data, g.Answer.Status, g.Answer.Index, g.Replayed)
	}
	const want = `a: a#1 status 0 index 3 replayed false
a again: a#1 status 0 index 3 replayed true
plain: plain#2 status 0 index 3 replayed false
b: b#3 status 0 index 3 replayed false
expired:  status -101 index 3 replayed false
b again: b#3 status 0 index 3 replayed true
plain again: plain#4 status 0 index 4 replayed false
`
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
	if id := binary.BigEndian.Uint64(got[0].Answer.Data); id != 1 {
		t.Errorf("the session's ID is %d, want 1", id)
	}
	if fmt.Sprint(m.calls) != "[[a plain b] [plain]]" {
		t.Errorf("the machine was called with %v: one call per entry, repeats and strangers taken out", m.calls)
	}
}

func TestApplierReadsEntriesThatAreNotInMemory(t *testing.T) {
	log := logOf{}
	for i := range 5 {
		log = append(log, entry(t, raft.Index(i+1), 1, Batch{Commands: []Command{call1(0, 0, fmt.Sprint("c", i))}}))
	}
	m := &echo{}
	a := NewApplier(7, m, log)
	if _, err := a.Apply(context.Background(), ApplyWork{Range: raft.ApplyRange{First: 1, Last: 5}}); err != nil {
		t.Fatal(err)
	}
	if a.Applied() != 5 || m.ran != 5 {
		t.Errorf("applied %d, ran %d; want 5 and 5", a.Applied(), m.ran)
	}
	if _, err := a.Apply(context.Background(), ApplyWork{Range: raft.ApplyRange{First: 7, Last: 7}}); err == nil {
		t.Error("a range with a gap was applied")
	}
}

// TestLogTime: time moves by the leader's elapsed time, term by term, never back.
func TestLogTime(t *testing.T) {
	m := &echo{}
	a := NewApplier(7, m, nil)
	steps := []struct {
		term    raft.Term
		elapsed int64
		want    int64
	}{{1, 10, 10}, {1, 50, 50}, {1, 40, 50}, {2, 0, 50}, {2, 5, 55}, {5, 1 << 40, 55 + 1<<40}, {6, -9, 55 + 1<<40}}
	for i, s := range steps {
		e := entry(t, raft.Index(i+1), s.term, Batch{Elapsed: s.elapsed, Wall: 1234, Commands: []Command{call1(0, 0, "x")}})
		if _, err := a.Apply(context.Background(), ApplyWork{Range: raft.ApplyRange{First: e.Index, Last: e.Index, Entries: []raft.Entry{e}}}); err != nil {
			t.Fatal(err)
		}
		if got := m.moments[i]; got.Time != s.want || got.Index != uint64(e.Index) || got.WallTime != 1234 {
			t.Errorf("step %d: moment %+v, want time %d", i, got, s.want)
		}
	}
}

func TestApplierStopsAtWhatItCannotRead(t *testing.T) {
	bad := raft.Entry{Index: 1, Term: 1, Type: raft.EntryCommand, Data: []byte("not a batch")}
	a := NewApplier(7, &echo{}, nil)
	_, err := a.Apply(context.Background(), ApplyWork{Range: raft.ApplyRange{First: 1, Last: 1, Entries: []raft.Entry{bad}}})
	if !errors.Is(err, ErrMalformedEntry) || a.Applied() != 0 {
		t.Errorf("error %v at applied %d, want ErrMalformedEntry at 0", err, a.Applied())
	}
	broken := NewApplier(7, &echo{fail: errors.New("out of memory")}, nil)
	good := entry(t, 1, 1, Batch{Commands: []Command{call1(0, 0, "x")}})
	if _, err := broken.Apply(context.Background(), ApplyWork{Range: raft.ApplyRange{First: 1, Last: 1, Entries: []raft.Entry{good}}}); err == nil {
		t.Error("a failing machine was not reported")
	}
}

func FuzzDecodeBatch(f *testing.F) {
	good, err := Batch{Elapsed: 5, Commands: []Command{call1(1, 2, "x"), {Kind: CommandOpenSession}}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0x84})
	f.Fuzz(func(t *testing.T, data []byte) {
		readAlike(t, data)
		b, err := DecodeBatch(data)
		if err != nil {
			return
		}
		again, err := b.Encode()
		if err != nil {
			t.Fatalf("what was decoded does not encode: %v", err)
		}
		if c, err := DecodeBatch(again); err != nil || len(c.Commands) != len(b.Commands) {
			t.Fatalf("round trip: %v", err)
		}
	})
}

// TestSessionsOfLevel2BearTheGroupsNumber, and those of level 1 do not.
func TestSessionsOfLevel2BearTheGroupsNumber(t *testing.T) {
	a := NewApplier(7, &echo{}, nil)
	kinds := []CommandKind{CommandOpenSession, CommandTimedSession, CommandTimedSession, CommandOpenSession}
	var commands []Command
	for _, k := range kinds {
		commands = append(commands, Command{Kind: k})
	}
	got, err := a.Apply(t.Context(), ApplyWork{
		Range:   raft.ApplyRange{First: 1, Last: 1, Entries: []raft.Entry{entry(t, 1, 1, Batch{Commands: commands})}},
		Waiting: map[raft.Index][]Ticket{1: make([]Ticket, len(kinds))},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{1, 7 << 32, 7<<32 + 1, 7<<32 + 2} {
		if id := binary.BigEndian.Uint64(got[i].Answer.Data); id != want {
			t.Errorf("session %d, of kind %d, has the number %#x, want %#x", i, kinds[i], id, want)
		}
	}
}
