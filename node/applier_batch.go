package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// repeatOf says that a command repeats the one at this position of the entry.
type repeatOf int

// entryWork is an entry's commands on their way: what the machine is to run, and which
// commands repeat earlier ones of the same entry.
type entryWork struct {
	entry    raft.Entry
	run      [][]byte
	runAt    []int // position of each in the entry
	repeats  map[int]repeatOf
	sessions map[[2]uint64]int // position by session and sequence
	keys     map[string]int    // position by key
}

// applyBatch takes repeats and session commands out in log order, hands the rest
// to the machine in one call, and puts the answers together.
func (a *Applier) applyBatch(ctx context.Context, e raft.Entry, at plugins.Moment, commands []Command) ([]Applied, error) {
	answers := append(a.answers[:0], make([]Applied, len(commands))...)
	w := entryWork{entry: e, run: a.scratch[:0], runAt: a.scratchAt[:0]}
	for i := range commands {
		answers[i] = a.judge(&w, commands, i)
	}
	if err := a.execute(ctx, e, at, w.run, w.runAt, answers); err != nil {
		return nil, err
	}
	for i, c := range commands {
		if first, ok := w.repeats[i]; ok {
			answers[i] = Applied{Answer: answers[first].Answer, Replayed: true}
		} else {
			a.remember(c, answers[i])
		}
	}
	a.work.fail(answers)
	clear(w.run)
	a.scratch, a.scratchAt, a.answers = w.run[:0], w.runAt[:0], answers
	return answers, nil
}

// judge says what becomes of a command: it goes to w, or is answered.
func (a *Applier) judge(w *entryWork, commands []Command, i int) Applied {
	c := commands[i]
	switch {
	case c.Kind == CommandOpenSession || c.Kind == CommandTimedSession:
		return Applied{Answer: a.openSession(w.entry, c.Kind == CommandTimedSession)}
	case c.Kind == CommandKeyed:
		return a.judgeKeyed(w, commands, i)
	case c.Kind != CommandCall:
		return w.refuse(plugins.StatusMalformed, "unknown kind of command")
	case c.Session == 0:
		return w.answer(VerdictExecute, Answer{}, c.Data, i)
	}
	verdict, stored := a.sessions.Judge(c.Session, c.Sequence, c.AckBelow)
	key := [2]uint64{uint64(c.Session), c.Sequence}
	if first, ok := w.sessions[key]; ok && verdict == VerdictExecute {
		w.repeats = noted(w.repeats, i, repeatOf(first))
		return Applied{}
	}
	w.sessions = noted(w.sessions, key, i)
	return w.answer(verdict, stored, c.Data, i)
}

func (a *Applier) judgeKeyed(w *entryWork, commands []Command, i int) Applied {
	key, call, ok := SplitKeyed(commands[i].Data)
	if !ok {
		return w.refuse(plugins.StatusMalformed, "not a command under a key")
	}
	if first, ok := w.keys[key]; ok {
		if _, was, _ := SplitKeyed(commands[first].Data); !bytes.Equal(was, call) {
			return w.refuse(StatusKeyReused, "")
		}
		w.repeats = noted(w.repeats, i, repeatOf(first))
		return Applied{}
	}
	verdict, stored := a.keys.Judge(key, call)
	if verdict == VerdictExecute {
		w.keys = noted(w.keys, key, i)
	}
	return w.answer(verdict, stored, call, i)
}

// answer does what a verdict says with the command at i.
func (w *entryWork) answer(v Verdict, stored Answer, call []byte, i int) Applied {
	switch v {
	case VerdictExecute:
		w.run, w.runAt = append(w.run, call), append(w.runAt, i)
		return Applied{}
	case VerdictReplay:
		return Applied{Answer: stored, Replayed: true}
	}
	return w.refuse(statusOf(v), "")
}

// refuse answers a command that does not reach the machine.
func (w *entryWork) refuse(status int32, text string) Applied {
	a := Answer{Index: w.entry.Index, Term: w.entry.Term, Status: status}
	if text != "" {
		a.Data = []byte(text)
	}
	return Applied{Answer: a}
}

// remember keeps the answer of a command that the machine has executed.
func (a *Applier) remember(c Command, done Applied) {
	if done.Replayed || !Executed(done.Answer.Status) {
		return
	}
	switch {
	case c.Kind == CommandCall && c.Session != 0:
		a.sessions.Store(c.Session, c.Sequence, done.Answer)
	case c.Kind == CommandKeyed:
		if key, call, ok := SplitKeyed(c.Data); ok {
			a.keys.Store(key, call, done.Answer)
		}
	}
}

// noted puts into a map that is made when there is something for it.
func noted[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[k] = v
	return m
}

func (a *Applier) openSession(e raft.Entry, timed bool) Answer {
	if timed {
		a.sessions.Time()
		a.sessions.NumberIn(a.group)
	}
	id := a.sessions.Open()
	return Answer{Index: e.Index, Term: e.Term, Data: binary.BigEndian.AppendUint64(nil, uint64(id))}
}

func (a *Applier) execute(ctx context.Context, e raft.Entry, at plugins.Moment, run [][]byte, runAt []int, answers []Applied) error {
	if len(run) == 0 {
		return nil
	}
	results, err := a.machine.Apply(ctx, at, run)
	if err != nil {
		return fmt.Errorf("node: apply of group %d, index %d: %w", a.group, e.Index, err)
	}
	if len(results) != len(run) {
		return fmt.Errorf("node: apply of group %d, index %d: %d results for %d commands", a.group, e.Index, len(results), len(run))
	}
	a.commands += uint64(len(run))
	a.work.Commands += uint64(len(run))
	if m, ok := a.machine.(Metered); ok {
		a.fuel = m.FuelUsed()
		a.work.Fuel += uint64(a.fuel)
	}
	for k, r := range results {
		answers[runAt[k]].Answer = Answer{Index: e.Index, Term: e.Term, Status: r.Status, Data: r.Data}
	}
	return nil
}
