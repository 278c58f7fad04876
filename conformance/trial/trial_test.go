package trial

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// try tries a fake node whose key-value machines carry commands out as apply does.
func try(t *testing.T, ctx context.Context, apply apitest.Apply, operations int, keep bool) (Result, *client.Client, error) {
	t.Helper()
	s := apitest.Start(t, apitest.New(apply), apitest.Options{CommandBytesMax: 1 << 10, ModuleBytesMax: 1 << 20})
	cl := s.Client(t)
	r, err := Run(ctx, Config{Clients: []*client.Client{cl}, Machine: "mine", Keep: keep, Lasts: time.Hour, Operations: operations, Patience: time.Minute})
	return r, cl, err
}

func TestRun(t *testing.T) {
	r, cl, err := try(t, t.Context(), apitest.KV, 300, false)
	if err != nil || !r.OK() || r.Answered < 300 || !strings.HasPrefix(r.String(), "conformance: ops=") {
		t.Fatalf("%v, %v", r, err)
	}
	if machines, err := cl.Machines(t.Context()); err != nil || len(machines) > 0 {
		t.Errorf("it leaves %+v, %v", machines, err)
	}
}

// TestRunIsInterrupted: what was done until then is judged, and the machine is deleted.
func TestRunIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	commands := new(atomic.Int64)
	r, cl, err := try(t, ctx, func(state *string, command []byte) ([]byte, error) {
		if commands.Add(1) == 100 {
			cancel()
		}
		return apitest.KV(state, command)
	}, 0, false)
	if err != nil || !r.OK() || r.Answered < 50 {
		t.Fatalf("%v, %v", r, err)
	}
	if machines, err := cl.Machines(t.Context()); err != nil || len(machines) > 0 {
		t.Errorf("it leaves %+v, %v", machines, err)
	}
}

// TestRunSeesWhatIsBroken: a machine that forgets, one that does things twice.
func TestRunSeesWhatIsBroken(t *testing.T) {
	often := func(command []byte) bool { return command[len(command)-2]%16 == 1 } // of an append, the end of its value
	forgets := func(state *string, command []byte) ([]byte, error) {
		if often(command) {
			return apitest.KV(new(*state), command)
		}
		return apitest.KV(state, command)
	}
	doubles := func(state *string, command []byte) ([]byte, error) {
		answer, err := apitest.KV(state, command)
		if err == nil && often(command) {
			_, err = apitest.KV(state, command)
		}
		return answer, err
	}
	for name, c := range map[string]struct {
		apply apitest.Apply
		seen  func(Result) bool
	}{
		"lost":    {forgets, func(r Result) bool { return r.Lost > 0 && r.Illegal > 0 }},
		"doubled": {doubles, func(r Result) bool { return r.Doubled > 0 && r.Illegal > 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			r, _, err := try(t, t.Context(), c.apply, 600, true)
			if err != nil || r.OK() || !c.seen(r) {
				t.Fatalf("%v, %v", r, err)
			}
			var page bytes.Buffer
			if drawn, err := r.Draw(&page); err != nil || !drawn || page.Len() == 0 {
				t.Errorf("drawn: %v, %v", drawn, err)
			}
		})
	}
}

func TestRunLeavesAMachineThatIsThere(t *testing.T) {
	b := apitest.New(apitest.KV)
	b.AddMachine("mine")
	s := apitest.Start(t, b, apitest.Options{ModuleBytesMax: 1 << 20})
	cl := s.Client(t)
	_, err := Run(t.Context(), Config{Clients: []*client.Client{cl}, Machine: "mine", Lasts: time.Second, Patience: time.Second})
	var p *client.Problem
	if !errors.As(err, &p) || p.Code != client.CodeMachineExists {
		t.Errorf("Run = %v", err)
	}
	if _, err := cl.Machine(t.Context(), "mine", false); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}
