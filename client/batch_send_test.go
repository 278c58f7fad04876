package client

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
)

// TestABatchWhoseTimeIsUp: what was to be sent by itself, and was not, says so.
func TestABatchWhoseTimeIsUp(t *testing.T) {
	c, err := New(Config{Endpoints: []string{"127.0.0.1:1"}, TLS: &tls.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	results, err := c.Batch(ctx, "m", []BatchCommand{{Data: []byte("x")}})
	if err != nil || len(results) != 1 {
		t.Fatalf("%+v, %v", results, err)
	}
	var p *Problem
	if err := results[0].Err; !errors.As(err, &p) || p.Code != CodeTimeout || p.Outcome != NotApplied || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestWhatOfABatchIsSentAgainAlone: what certainly had no effect, and may have another answer
// now, and what has a key for as long as there is time, also when a batch failed as a whole
// because another of its commands has none.
func TestWhatOfABatchIsSentAgainAlone(t *testing.T) {
	keyed, bare := BatchCommand{Key: "k"}, BatchCommand{}
	unreachable := NewProblem(CodeUnreachable, "nobody listens")
	unknown := NewProblem(CodeTimeoutUnknown, "too late")
	noLeader := NewProblem(CodeNoLeader, "nobody leads")
	refused := NewProblem(CodeCommandTooLarge, "too large")
	for _, c := range []struct {
		command       BatchCommand
		err           error
		answered, yes bool
	}{
		{bare, nil, true, false},
		{keyed, nil, true, false},
		{bare, errAlone, false, true},
		{keyed, unreachable, false, true},
		{keyed, unknown, false, true},
		{keyed, unknown, true, true},
		{keyed, noLeader, false, true},
		{keyed, refused, true, false},
		{bare, unreachable, false, false},
		{bare, unknown, true, false},
		{bare, noLeader, false, false},
		{bare, noLeader, true, true},
		{keyed, errors.New("no answer of a node"), true, false},
	} {
		if got := repeatAlone(c.command, c.err, c.answered); got != c.yes {
			t.Errorf("key %q, %v, answered %v: %v", c.command.Key, c.err, c.answered, got)
		}
	}
}
