package node

import (
	"sync"
	"testing"
)

func TestMailboxBound(t *testing.T) {
	m := newMailbox[int](2)
	if !m.put(1) || !m.put(2) || m.put(3) {
		t.Error("a mailbox of 2 does not take exactly 2")
	}
	if !m.force(4) {
		t.Error("force was refused")
	}
	if got := m.take(nil); len(got) != 3 || got[2] != 4 {
		t.Errorf("took %v", got)
	}
	m.close()
	if m.put(5) || m.force(6) {
		t.Error("a closed mailbox took something")
	}
}

func TestMailboxLosesNothing(t *testing.T) {
	const senders, each = 4, 1000
	m := newMailbox[int](senders * each)
	var wait sync.WaitGroup
	for range senders {
		wait.Go(func() {
			for i := range each {
				m.put(i)
			}
		})
	}
	got := 0
	var buf []int
	for got < senders*each {
		<-m.wake
		buf = m.take(buf)
		got += len(buf)
	}
	wait.Wait()
	if got != senders*each {
		t.Errorf("took %d, want %d", got, senders*each)
	}
}

func TestDeadlines(t *testing.T) {
	var d deadlines
	a, b, c := newReplica(1, nil), newReplica(2, nil), newReplica(3, nil)
	d.set(a, 30)
	d.set(b, 10)
	d.set(c, 20)
	d.set(b, 40) // moved
	if at, ok := d.first(); !ok || at != 20 {
		t.Errorf("first is %v, %v; want 20", at, ok)
	}
	if r := d.due(19); r != nil {
		t.Errorf("group %d is due at 19", r.group)
	}
	for _, want := range []*replica{c, a, b} {
		if r := d.due(100); r != want {
			t.Fatalf("due is %v, want group %d", r, want.group)
		}
	}
	if _, ok := d.first(); ok {
		t.Error("something is left")
	}
}
