package quic

import (
	"crypto/tls"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

// counter is a Handler that counts, and may answer.
type counter struct {
	answer atomic.Pointer[func(transport.Frame)]
	frames atomic.Int64
	up     chan struct{}
	recorder
}

func (c *counter) PeerUp(raft.NodeID, uint64)   { close(c.up) }
func (c *counter) PeerDown(raft.NodeID)         {}
func (c *counter) PeerGone(raft.NodeID, uint64) {}
func (c *counter) Deliver(_ raft.Member, frames []transport.Frame) {
	c.frames.Add(int64(len(frames)))
	if answer := c.answer.Load(); answer != nil {
		for _, f := range frames {
			(*answer)(f)
		}
	}
}

func (c *counter) answerWith(f func(transport.Frame)) { c.answer.Store(&f) }

// benchPair returns two connected nodes on loopback, which repair losses or not.
func benchPair(b testing.TB, mode fec.Mode) (nets [2]*Network, handlers [2]*counter) {
	authority, err := pki.NewAuthority("c1", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	var peers []transport.Peer
	for i := range nets {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		id := raft.NodeID(i + 1)
		pair, _ := authority.IssueNode(id, nil, time.Now(), time.Hour)
		cert, err := pair.TLS()
		if err != nil {
			b.Fatal(err)
		}
		handlers[i] = &counter{up: make(chan struct{})}
		nets[i], err = New(Config{
			Node: id, Cluster: "c1", Conn: conn, Trust: trust(authority),
			Certificate: func() (tls.Certificate, error) { return cert, nil }, Repair: fec.Config{Mode: mode},
		}, handlers[i])
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = nets[i].Close(); _ = conn.Close() })
		peers = append(peers, transport.Peer{ID: id, Address: conn.LocalAddr().String()})
	}
	for i := range nets {
		nets[i].SetPeers(peers)
	}
	for i := range nets {
		<-handlers[i].up
	}
	return nets, handlers
}

// BenchmarkRoundTrip is a message there and its answer back, one at a time.
func BenchmarkRoundTrip(b *testing.B) {
	for _, row := range []struct {
		name          string
		there, answer transport.Payload
	}{
		{"heartbeat", raft.Heartbeat{Term: 1, Commit: 9, Round: 3}, raft.HeartbeatReply{Term: 1, Round: 3}},
		{"vote", raft.Vote{Term: 1, LastIndex: 9}, raft.VoteReply{Term: 1, Granted: true}},
		{"append-1x128", appendOf(1, 128), raft.AppendReply{Term: 1, Match: 10}},
		{"append-64x128", appendOf(64, 128), raft.AppendReply{Term: 1, Match: 10}},
	} {
		b.Run(row.name, func(b *testing.B) {
			nets, handlers := benchPair(b, fec.ModeAuto)
			back := make(chan struct{}, 1)
			handlers[1].answerWith(func(f transport.Frame) {
				_ = nets[1].Send(1, transport.Frame{Group: f.Group, Payload: row.answer})
			})
			handlers[0].answerWith(func(transport.Frame) { back <- struct{}{} })
			b.ReportAllocs()
			for b.Loop() {
				if err := nets[0].Send(2, transport.Frame{Group: 1, Payload: row.there}); err != nil {
					b.Fatal(err)
				}
				<-back
			}
		})
	}
}

// BenchmarkAppendStream sends appends of 64 entries as fast as the queue takes them.
func BenchmarkAppendStream(b *testing.B) {
	nets, handlers := benchPair(b, fec.ModeAuto)
	frame := transport.Frame{Group: 1, Payload: appendOf(64, 128)}
	b.SetBytes(64 * 128)
	b.ReportAllocs()
	sent := int64(0)
	for b.Loop() {
		for nets[0].Send(2, frame) != nil { // the queue is full
			runtime.Gosched()
		}
		sent++
	}
	for handlers[1].frames.Load() < sent {
		runtime.Gosched()
	}
	b.ReportMetric(float64(sent*64)/b.Elapsed().Seconds(), "entries/s")
}

func appendOf(entries, bytesEach int) raft.Append {
	m := raft.Append{Term: 1, PrevIndex: 9, PrevTerm: 1}
	for i := range entries {
		m.Entries = append(m.Entries, raft.Entry{Index: raft.Index(10 + i), Term: 1, Type: raft.EntryCommand, Data: make([]byte, bytesEach)})
	}
	return m
}
