package quic

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/wraft/wraft/transport"
)

// TestBubbleAMovedNodeIsFound: who dials looks for a peer where it was, and finds it where
// it knocks from, also when it starts only after the first knock; a new address in the
// list comes before both.
func TestBubbleAMovedNodeIsFound(t *testing.T) {
	for _, late := range []time.Duration{0, 5 * time.Second, time.Minute} {
		t.Run(late.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newSimWorld(t)
				b := w.node(2, nil)
				b.net.SetPeers([]transport.Peer{{ID: 1, Address: simAddr(1).String()}})
				time.Sleep(late)
				a := w.node(1, nil)
				a.net.SetPeers([]transport.Peer{{ID: 2, Address: simAddr(9).String()}})
				began := time.Now()
				a.rec.untilUp(t, 2)
				b.rec.untilUp(t, 1)
				if took := time.Since(began); took > knockAgain+2*handshakeTimeoutDefault+time.Second {
					t.Errorf("found after %v", took)
				}
				p := a.net.peers[2]
				p.setAddress(simAddr(2).String())
				if got := p.target(func() {}); got != simAddr(2).String() || p.knocked != "" {
					t.Errorf("%s is dialled, and %q", got, p.knocked)
				}
				time.Sleep(time.Minute)
				for _, n := range []*node{a, b} {
					if c := n.net.Counters(); len(c) != 0 || len(n.rec.story) != 1 {
						t.Errorf("%v: %q, counted %v", n.id, n.rec.story, c)
					}
				}
			})
		})
	}
}

// TestWhereAPeerIsDialled: at its address, and where it knocked from every other time.
func TestWhereAPeerIsDialled(t *testing.T) {
	p := &peer{address: "a:1", kick: make(chan struct{}, 1), giveUp: func() {}}
	expect := func(what string, want ...string) {
		t.Helper()
		for i := range want {
			if got := p.target(func() {}); got != want[i] {
				t.Errorf("%s: attempt %d goes to %s, want %s", what, i, got, want[i])
			}
		}
	}
	expect("no knock", "a:1", "a:1", "a:1")
	p.seenAt("k:1")
	expect("a knock", "a:1", "k:1", "a:1", "k:1")
	p.seenAt("k:2")
	expect("another one", "a:1", "k:2")
	p.setAddress("a:1")
	expect("the same address", "a:1", "k:2")
	p.setAddress("a:2")
	expect("a new address", "a:2", "a:2", "a:2")
}
