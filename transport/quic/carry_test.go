package quic

import (
	"bytes"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	quicgo "github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// far connects two nodes that are a long way from each other, who know it.
func far(t *testing.T) (a, b *node) {
	w := newSimWorld(t)
	a, b = w.node(1, nil), w.node(2, nil)
	w.connect(a, b)
	a.send(b, raft.Append{Term: 1})
	b.send(a, raft.Append{Term: 1})
	b.rec.untilFrames(t, 1, 1)
	a.rec.untilFrames(t, 2, 1)
	return a, b
}

// linkTo is the link that stands.
func (n *node) linkTo(to *node) *link {
	n.net.mu.RLock()
	defer n.net.mu.RUnlock()
	return n.net.peers[to.id].link.Load()
}

func (c *carriers) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// get fetches a file whole.
func (n *node) get(t *testing.T, from *node, name string, want []byte) {
	t.Helper()
	f, _, err := n.net.OpenFile(t.Context(), from.id, name, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, %v", len(got), len(want), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestBubbleFilesHaveTheirOwnConnections: whoever dialled the link, a file comes beside it,
// its bytes count as the link's, and its connection ends with it.
func TestBubbleFilesHaveTheirOwnConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := far(t)
		data := noise(1 << 20)
		for _, row := range []struct{ to, from *node }{{a, b}, {b, a}} {
			row.from.rec.hold("f", data)
			link, before := row.from.linkTo(row.to).conn.ConnectionStats().BytesSent, row.from.net.Links()[0].SentBytes
			row.to.get(t, row.from, "f", data)
			time.Sleep(time.Second)
			if over := row.from.linkTo(row.to).conn.ConnectionStats().BytesSent - link; over > uint64(len(data))/10 {
				t.Errorf("%v sent %d bytes over the link", row.from.id, over)
			}
			if all := row.from.net.Links()[0].SentBytes - before; all < uint64(len(data)) {
				t.Errorf("%v counted %d bytes of %d", row.from.id, all, len(data))
			}
			for _, n := range []*node{a, b} {
				if c := n.linkTo(map[*node]*node{a: b, b: a}[n]).carriers.count(); c != 0 {
					t.Errorf("%v still has %d connections for files", n.id, c)
				}
			}
		}
	})
}

// TestBubbleFilesComeOverTheLinkToo: where no other connection can be had, once.
func TestBubbleFilesComeOverTheLinkToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := far(t)
		data := noise(100 << 10)
		b.rec.hold("f", data)
		var began atomic.Int64
		a.w.sim.setLook(func(p simnet.Packet, from raft.NodeID) bool {
			begins := p.Data[0]&0x80 != 0 // a long header: packets of a handshake
			if begins {
				began.Add(1)
			}
			return begins
		})
		a.get(t, b, "f", data)
		if began.Swap(0) == 0 {
			t.Error("no connection for files was tried")
		}
		a.get(t, b, "f", data)
		if began.Load() != 0 {
			t.Error("and again, in vain")
		}
	})
}

// TestBubbleFilesEndWithTheLink: a transfer ends when the link does, on both sides.
func TestBubbleFilesEndWithTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := far(t)
		b.rec.hold("f", noise(64<<20))
		f, _, err := a.net.OpenFile(t.Context(), 2, "f", 0)
		if err != nil {
			t.Fatal(err)
		}
		at := b.linkTo(a)
		a.net.SetPeers(nil)
		if _, err := io.Copy(io.Discard, f); !errors.Is(err, transport.ErrNotConnected) {
			t.Errorf("the transfer went on without a link: %v", err)
		}
		_ = f.Close()
		b.rec.untilDown(t, 1)
		time.Sleep(time.Second)
		if n := at.carriers.count(); n != 0 {
			t.Errorf("%d connections for files outlived the link", n)
		}
	})
}

// TestConnectionsForFilesAreBounded: they are for peers whose link stands, and few.
func TestConnectionsForFilesAreBounded(t *testing.T) {
	w := newWorld(t)
	b := w.node(2, nil)
	b.net.SetPeers([]transport.Peer{{ID: 1, Address: "127.0.0.1:9"}})
	cert := w.identity(1)
	cfg := clientTLS(&cert)
	cfg.NextProtos = []string{filesALPN}
	s := w.stranger()
	refused := func(want quicgo.ApplicationErrorCode) {
		t.Helper()
		conn, err := s.dial(b, cfg)
		if err == nil {
			_, err = conn.AcceptUniStream(t.Context())
		}
		var app *quicgo.ApplicationError
		if !errors.As(err, &app) || !app.Remote || app.ErrorCode != want {
			t.Errorf("%v, want code %d", err, want)
		}
	}
	refused(codeBusy) // no link stands
	a := w.node(1, nil)
	w.connect(a, b)
	c := &b.linkTo(a).carriers
	for range 2 * fetchesPerPeer {
		if _, err := s.dial(b, cfg); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); c.count() < 2*fetchesPerPeer; {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections for files", c.count())
		}
		<-time.NewTimer(time.Millisecond).C
	}
	refused(codeBusy)
}
