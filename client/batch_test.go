package client_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/client/wire"
	"github.com/wraft/wraft/node/api/apitest"
)

// increments are so many commands, every other one with a key.
func increments(n int) []client.BatchCommand {
	commands := make([]client.BatchCommand, n)
	for i := range commands {
		commands[i].Data = []byte("incr")
		if i%2 == 0 {
			commands[i].Key = "k" + strconv.Itoa(i)
		}
	}
	return commands
}

// wantAnswers checks that each command but one was answered with a count of its own.
func wantAnswers(t *testing.T, results []client.BatchResult, but int) {
	t.Helper()
	seen := map[string]bool{}
	for i, r := range results {
		if i == but {
			continue
		}
		if r.Err != nil || r.Index == 0 || seen[string(r.Data)] {
			t.Errorf("command %d: %+v", i, r)
		}
		seen[string(r.Data)] = true
	}
}

func TestBatchAppliesEachCommand(t *testing.T) {
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		c := w.client(t, w.s.ClientTLS(t), "")
		commands := increments(300)
		commands[7].Data = []byte("what")
		results, err := c.Batch(t.Context(), "counter", commands)
		if err != nil || len(results) != len(commands) {
			t.Fatalf("%d results, %v", len(results), err)
		}
		wantAnswers(t, results, 7)
		wantCode(t, results[7].Err, client.CodeMachineRejected, client.Applied)
		if state := w.b.State("counter"); state != "299" {
			t.Errorf("the state is %s", state)
		}
		if requests := sum(t, w.s, "wraft_native_requests_total", "kind", "batch"); w.protocol == client.ProtocolNative && requests != 1 {
			t.Errorf("%v requests", requests)
		}
		for _, bad := range []int{0, client.BatchCommandsMax + 1} {
			if _, err := c.Batch(t.Context(), "counter", increments(bad)); !isCode(err, client.CodeBadRequest) {
				t.Errorf("%d commands: %v", bad, err)
			}
		}
		if _, err := c.Batch(t.Context(), "No machine", increments(2)); !isCode(err, client.CodeBadName) {
			t.Errorf("%v", err)
		}
	})
}

// TestBatchRepeatsWhatItMay: commands with a key whose answer was lost, and those of which is
// known that they were not applied; the others tell that nobody knows.
func TestBatchRepeatsWhatItMay(t *testing.T) {
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		c := w.client(t, w.s.ClientTLS(t), "")
		failTimes(w.b, 4, "Command:after", client.CodeTimeoutUnknown)
		results, err := c.Batch(t.Context(), "counter", increments(4))
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range results {
			if i%2 == 0 && (r.Err != nil || !r.Replayed) || i%2 == 1 && !errors.Is(r.Err, client.ErrUnknownOutcome) {
				t.Errorf("command %d: %+v", i, r)
			}
		}
		failTimes(w.b, 2, "Command", client.CodeNoLeader)
		if results, err = c.Batch(t.Context(), "counter", []client.BatchCommand{{Data: []byte("incr")}, {Data: []byte("incr")}}); err != nil {
			t.Fatal(err)
		}
		wantAnswers(t, results, -1)
		if state := w.b.State("counter"); state != "6" {
			t.Errorf("the state is %s", state)
		}
	})
}

// TestABadCommandFailsAlone, though nodes refuse its batch as a whole; and long ones are sent in
// parts.
func TestABadCommandFailsAlone(t *testing.T) {
	overBoth(t, apitest.Options{CommandBytesMax: 3 << 20}, func(t *testing.T, w transport) {
		c := w.client(t, w.s.ClientTLS(t), "")
		commands := increments(6)
		commands[1].Key = "a key"
		commands[2].Data = make([]byte, 3<<20+1)
		commands[3].Data = []byte("add " + strings.Repeat("0", 3<<20-5) + "1")
		commands[5].Data = commands[3].Data
		results, err := c.Batch(t.Context(), "counter", commands)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, results[1].Err, client.CodeBadRequest, client.NotApplied)
		wantCode(t, results[2].Err, client.CodeCommandTooLarge, client.NotApplied)
		for _, i := range []int{0, 3, 4, 5} {
			if results[i].Err != nil {
				t.Errorf("command %d: %v", i, results[i].Err)
			}
		}
		if state := w.b.State("counter"); state != "4" {
			t.Errorf("the state is %s", state)
		}
	})
}

// TestBatchesCountAsTheirCommandsOverBothTransports: beside 4,096 under way of one client there
// is no room for another batch, and the client hears when to come back.
func TestBatchesCountAsTheirCommandsOverBothTransports(t *testing.T) {
	overBoth(t, apitest.Options{}, func(t *testing.T, w transport) {
		const batches = 16
		refused := []string{"batch", "command", "query", "session"}
		clients := make([]*client.Client, batches+len(refused))
		for i := range clients {
			clients[i] = w.connected(t)
		}
		gate := make(chan struct{})
		open := sync.OnceFunc(func() { close(gate) })
		defer open()
		w.b.Fail(func(string) error { <-gate; return nil })
		ended := make(chan []client.BatchResult, batches)
		for _, c := range clients[:batches] {
			go func() {
				results, err := c.Batch(t.Context(), "counter", increments(client.BatchCommandsMax))
				if err != nil {
					t.Error(err)
				}
				ended <- results
			}()
		}
		awaitInflight(t, w.s, batches*256)
		for i, name := range refused {
			var p *client.Problem
			err := calls[name].call(t.Context(), clients[batches+i])
			if !errors.As(err, &p) || p.Code != client.CodeBackpressure || p.RetryAfter != time.Second || !strings.Contains(p.Detail, "4096 requests") {
				t.Errorf("%s: %v", name, err)
			}
		}
		open()
		for range batches {
			for i, r := range <-ended {
				if r.Err != nil {
					t.Fatalf("command %d: %v", i, r.Err)
				}
			}
		}
	})
}

// connected is a client that asks once, has a connection already, and is patient.
func (w transport) connected(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{
		Endpoints: []string{w.s.Address}, TLS: w.s.ClientTLS(t), Protocol: w.protocol, AttemptsMax: 1, Timeout: patience, AttemptTimeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for end := time.Now().Add(patience); ; {
		if err = calls["machine"].call(t.Context(), c); err == nil {
			return c
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// awaitInflight waits until so many requests are under way.
func awaitInflight(t *testing.T, s *apitest.Server, want float64) {
	t.Helper()
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for end := time.Now().Add(patience); ; <-ticks.C {
		families, err := s.Metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := -1.0
		for _, f := range families {
			if f.GetName() == "wraft_api_inflight_requests" {
				got = f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v are under way, want %v", got, want)
		}
	}
}

// TestBatchesAndOlderNodes: a native connection without batches is not asked for one.
func TestBatchesAndOlderNodes(t *testing.T) {
	b, s := startNative(t, apitest.Options{Versions: []string{wire.ALPN1}})
	c := transport{client.ProtocolNative, b, s}.client(t, s.ClientTLS(t), "")
	results, err := c.Batch(t.Context(), "counter", increments(20))
	if err != nil {
		t.Fatal(err)
	}
	wantAnswers(t, results, -1)
}
