package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/raft"
)

// The tests here plant what the history is to find.

func newHistory() *history {
	h := &history{}
	h.init()
	return h
}

// wants fails the test unless err says what is wanted, or nothing when that is.
func wants(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("found %v, want %q", err, want)
	}
}

func TestObserveSeesWhatMachinesDoWrong(t *testing.T) {
	entry := func(i raft.Index, attempt, session, sequence uint64) *raft.Entry {
		c := command{verbAppend, attempt, session, sequence, 3}
		return &raft.Entry{Index: i, Type: raft.EntryCommand, Data: c.encode()}
	}
	base := func(t *testing.T) *history {
		h := newHistory()
		wants(t, h.observe(1, &raft.Entry{Index: 1, Type: raft.EntryNoop}, answer{}, 11), "")
		wants(t, h.observe(1, entry(2, 1, 7, 1), answer{verdictDone, 1, 2}, 12), "")
		wants(t, h.observe(2, entry(2, 1, 7, 1), answer{verdictDone, 1, 2}, 12), "")
		return h
	}
	for _, c := range []struct {
		name, want string
		e          *raft.Entry
		a          answer
		hash       uint64
	}{
		{"a repeated answer", "", entry(3, 2, 7, 1), answer{verdictRepeat, 1, 2}, 13},
		{"a second effect", "takes effect twice", entry(3, 2, 7, 1), answer{verdictDone, 2, 3}, 13},
		{"another answer", "is answered", entry(3, 2, 7, 1), answer{verdictRepeat, 2, 2}, 13},
		{"an answer to nothing", "is answered", entry(3, 2, 7, 9), answer{verdictRepeat, 1, 2}, 13},
		{"another state", "state", entry(2, 1, 7, 1), answer{verdictDone, 1, 2}, 99},
		{"another answer elsewhere", "answers", entry(2, 1, 7, 1), answer{verdictDone, 2, 2}, 12},
		{"a proposal twice", "was applied at 2 and at 3", entry(3, 1, 7, 2), answer{verdictDone, 2, 3}, 13},
		{"a gap", "nobody has applied 3", entry(4, 2, 7, 2), answer{verdictDone, 2, 4}, 14},
	} {
		t.Run(c.name, func(t *testing.T) { wants(t, base(t).observe(3, c.e, c.a, c.hash), c.want) })
	}
}

func TestOutcomesMustAgreeWithTheLog(t *testing.T) {
	for _, c := range []struct {
		call
		want string
	}{
		{call{outcome: raft.OutcomeDropped}, "was dropped"},
		{call{outcome: raft.OutcomeCommitted, index: 4}, "was committed at 4"},
		{call{outcome: raft.OutcomeCommitted, index: 5}, ""},
		{call{outcome: raft.OutcomeUnknown}, ""},
		{call{}, ""},
	} {
		h := newHistory()
		h.calls[1] = c.call
		wants(t, h.agrees(1, 5), c.want)
	}
}

// lone returns a world of one node that leads, and a client in the middle of an
// append.
func lone(t *testing.T) (*world, *node, *client) {
	t.Helper()
	s := Draw(1, time.Minute)
	s.Setup.Voters, s.Setup.Spares, s.Setup.Rates = 1, 0, []uint64{1000}
	s.Faults, s.Operations, s.Shrunk = nil, nil, true
	w := newWorld(Options{Scenario: &s})
	n := w.nodes[0]
	wants(t, n.start(), "")
	w.planClients(nil)
	wants(t, w.until(10*time.Second, n.leads), "")
	c := w.clients[0]
	c.session, c.sequence, c.turn = 9, 1, 1
	c.doing = &undertaking{Operation: Operation{Number: 1, Kind: Append}, session: 9, sequence: 1, sent: 1, known: 1, least: 3}
	return w, n, c
}

func TestAnswersAreChecked(t *testing.T) {
	for _, c := range []struct {
		name, want string
		answer     answer
	}{
		{"all is well", "", answer{verdictDone, 4, 5}},
		{"an effect before the call", "committed before it began", answer{verdictDone, 4, 1}},
		{"a value is lost", "were seen before it began", answer{verdictDone, 2, 5}},
		{"it was overtaken by itself", "stale", answer{verdict: verdictStale}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _, cl := lone(t)
			wants(t, w.answered(call{client: cl, turn: 1}, c.answer), c.want)
			if c.want == "" && (w.history.acked != 1 || cl.doing != nil || w.history.lengths[0] != 4) {
				t.Errorf("%+v", w.history)
			}
		})
	}
}

func TestResultsAreChecked(t *testing.T) {
	w, n, cl := lone(t)
	h := &w.history
	result := func(r raft.ProposalResult) error {
		return h.results(n, &raft.Effects{Results: []raft.ProposalResult{r}})
	}
	read := func(r raft.ReadReady) error { return h.results(n, &raft.Effects{Reads: []raft.ReadReady{r}}) }
	known := w.checker.Committed()
	waits := call{client: cl, turn: 1, node: n, known: known}
	h.calls[1], h.calls[2] = waits, waits
	wants(t, result(raft.ProposalResult{ID: 1, Outcome: raft.OutcomeCommitted, Index: known}), "was committed before it began")
	wants(t, result(raft.ProposalResult{ID: 1, Outcome: raft.OutcomeDropped}), "two outcomes")
	h.places[2] = known + 1
	wants(t, result(raft.ProposalResult{ID: 2, Outcome: raft.OutcomeDropped}), "was dropped")
	asked := waits
	asked.read = true
	h.calls[3], h.calls[4], h.calls[5] = asked, asked, asked
	wants(t, read(raft.ReadReady{ID: 3, Index: known - 1}), "sees up to")
	wants(t, read(raft.ReadReady{ID: 4, Index: known + 1}), "sees up to")
	wants(t, read(raft.ReadReady{ID: 4, Index: known}), "answered twice")
	cl.doing.Kind, cl.doing.least = Read, 1
	if n.machine.at < known {
		wants(t, w.until(w.now+time.Second, func() bool { return n.machine.at >= known }), "")
	}
	wants(t, read(raft.ReadReady{ID: 5, Index: known}), "were seen before it began")
}

func TestOrderSeesWhatClientsCouldNotHaveSeen(t *testing.T) {
	h := newHistory()
	for i, key := range []uint64{noKey, 1, 1, 2} { // indexes 1 to 4
		h.records = append(h.records, record{answer: answer{verdictDone, 0, raft.Index(i + 1)}, key: key})
	}
	h.records = append(h.records, record{answer: answer{verdictRepeat, 2, 3}, key: 1}) // 5
	op := func(n uint64, read bool, key, length uint64, index raft.Index, began, ended time.Duration) done {
		return done{n, read, key, length, index, began, ended}
	}
	first, second := op(1, false, 1, 1, 2, 10, 20), op(2, false, 1, 2, 3, 15, 30)
	for _, c := range []struct {
		name, want string
		done       []done
	}{
		{"appends and reads", "", []done{second, first, op(3, true, 1, 2, 3, 5, 40), op(4, true, 2, 0, 3, 35, 41), op(5, true, 2, 1, 5, 0, 41)}},
		{"a stale read", "ended before operation 3", []done{first, second, op(3, true, 1, 1, 2, 31, 40)}},
		{"a read of the past", "ended before operation 6", []done{op(2, false, 1, 2, 3, 1, 5), op(6, true, 1, 1, 2, 6, 7)}},
		{"a wrong length", "has 2 values at 2, it has 1", []done{op(1, false, 1, 2, 2, 10, 20)}},
		{"a read that sees too much", "it has 0", []done{op(3, true, 2, 1, 3, 1, 2)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.done = c.done
			wants(t, h.checkOrder(), c.want)
		})
	}
}
