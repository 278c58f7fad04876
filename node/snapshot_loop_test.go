package node

import (
	"context"
	"io"
	"testing"

	"github.com/wraft/wraft/internal/clock"
	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// tally counts the commands it was given.
type tally struct{ count byte }

func (m *tally) Apply(_ context.Context, _ plugins.Moment, commands [][]byte) (out []plugins.Result, _ error) {
	for range commands {
		m.count++
		out = append(out, plugins.Result{Data: []byte{m.count}})
	}
	return out, nil
}

func (m *tally) Query(context.Context, []byte) (plugins.Result, error) {
	return plugins.Result{Data: []byte{m.count}}, nil
}
func (m *tally) Export(context.Context, io.Writer) error { return nil }
func (m *tally) Close(context.Context) error             { return nil }

// TestAnotherMachineHasWhatTheOneBeforeHad: a machine that takes another's place, from
// an earlier point of the log, catches up with what that one was handed.
func TestAnotherMachineHasWhatTheOneBeforeHad(t *testing.T) {
	var log logOf
	for i := raft.Index(1); i <= 9; i++ {
		log = append(log, entry(t, i, 1, Batch{Commands: []Command{call1(0, 0, "x")}}))
	}
	l := runLoopBy(t, &tally{}, clock.System())
	defer l.stop()
	for range 5 {
		l.add("x")
	}
	l.open(NewApplier(7, &tally{}, log), nil)
	if r := l.add("x"); r.err != nil || r.answer.Index != 6 || r.answer.Data[0] != 6 {
		t.Fatalf("the sixth command: %+v", r)
	}
}
