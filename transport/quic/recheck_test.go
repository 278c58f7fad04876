package quic

import (
	"crypto/tls"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/pki"
)

// TestRecheck takes the certificate of a connected node back: the connection ends, whoever
// dialled it, counted under its reason, and stands again with a new certificate. That
// one has expired meanwhile ends nothing.
func TestRecheck(t *testing.T) {
	w := newWorld(t)
	var now atomic.Pointer[pki.Trust]
	now.Store(pki.TrustIn(w.authority.Pool()))
	var late atomic.Int64                      // seconds by which the wall clock is ahead
	var own [3]atomic.Pointer[tls.Certificate] // by node
	change := func(c *Config) {
		mine := &own[c.Node]
		first := w.identity(c.Node)
		mine.Store(&first)
		c.Trust, c.Certificate = now.Load, func() (tls.Certificate, error) { return *mine.Load(), nil }
		c.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load()) * time.Second) }
	}
	one, two := w.node(1, change), w.node(2, change)
	defer one.close()
	defer two.close()
	w.connect(one, two)

	// Why not the counters: a second connection may be on its way still, and be refused.
	late.Store(7200)
	for n, other := range map[*node]*node{one: two, two: one} {
		l := n.net.peers[other.id].link.Load()
		n.net.Recheck()
		if l == nil || l.ended() {
			t.Fatalf("%v: ended since the certificate expired meanwhile: %+v", n.id, n.net.Links()[0])
		}
	}
	late.Store(0)
	for _, row := range []struct{ judge, revoked *node }{{one, two}, {two, one}} {
		cert := &own[row.revoked.id]
		now.Store(revoking(t, []tls.Certificate{*cert.Load()}, w.authority))
		next := w.identity(row.revoked.id)
		cert.Store(&next)
		before := row.judge.net.Links()[0].Reconnects
		row.judge.net.Recheck()
		row.judge.untilCounted(ReasonRevoked, 1)
		for deadline := time.Now().Add(patience); row.judge.net.Links()[0].Reconnects == before; {
			if time.Now().After(deadline) {
				t.Fatalf("%v: no connection with the new certificate", row.judge.id)
			}
			<-time.NewTimer(time.Millisecond).C
		}
	}
}
