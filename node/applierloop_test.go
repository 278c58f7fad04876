package node

import "testing"

// TestServeWaitingWithoutAMachine: a machine that was dropped while its backlog ran
// answers those who wait for an index later, once there is another.
func TestServeWaitingWithoutAMachine(t *testing.T) {
	q := &queryCall{call: call{done: make(chan reply, 1)}, only: true}
	l := &applierLoop{queries: []indexedQuery{{call: q, index: 3}}}
	l.serveWaiting()
	if len(l.queries) != 1 || len(q.done) != 0 {
		t.Errorf("%d wait, %d are answered", len(l.queries), len(q.done))
	}
}
