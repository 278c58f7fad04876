package client_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/wraft/wraft/client"
)

func TestBatchAppliesEachCommand(t *testing.T) {
	b, c := start(t)
	const n = 300
	commands := make([]client.BatchCommand, n)
	for i := range commands {
		commands[i] = client.BatchCommand{Data: []byte("incr")}
		if i%2 == 0 {
			commands[i].Key = "k" + strconv.Itoa(i)
		}
	}
	commands[7].Data = []byte("what")
	results, err := c.Batch(t.Context(), "counter", commands)
	if err != nil || len(results) != n {
		t.Fatalf("%d results, %v", len(results), err)
	}
	seen := map[string]bool{}
	for i, r := range results {
		if i == 7 {
			wantCode(t, r.Err, client.CodeMachineRejected, client.Applied)
			continue
		}
		if r.Err != nil || r.Index == 0 || seen[string(r.Data)] {
			t.Errorf("command %d: %+v", i, r)
		}
		seen[string(r.Data)] = true
	}
	if b.State("counter") != strconv.Itoa(n-1) {
		t.Errorf("the state is %s", b.State("counter"))
	}
	var p *client.Problem
	for _, bad := range [][]client.BatchCommand{nil, make([]client.BatchCommand, client.BatchCommandsMax+1)} {
		if _, err := c.Batch(t.Context(), "counter", bad); !errors.As(err, &p) || p.Code != client.CodeBadRequest {
			t.Errorf("%d commands: %v", len(bad), err)
		}
	}
}
