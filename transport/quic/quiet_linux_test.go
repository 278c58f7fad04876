package quic

import (
	"fmt"
	"net"
	"syscall"
	"testing"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

// optionSegment is UDP_SEGMENT of linux/udp.h, which package syscall lacks.
const optionSegment = 103

// cutsSegments reports whether the system cuts what is written to a socket into
// datagrams, by the question that quic-go asks.
func cutsSegments(t *testing.T, conn net.PacketConn) bool {
	t.Helper()
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var unknown error
	err = raw.Control(func(fd uintptr) { _, unknown = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_UDP, optionSegment) })
	if err != nil {
		t.Fatal(err)
	}
	return unknown == nil
}

// On a path that loses nothing, quic-go has the socket as if we were not there: no packet
// of ours goes out, and segments are cut by the system if it can, after much was sent.
func TestRepairIsOutOfTheWay(t *testing.T) {
	for _, mode := range []fec.Mode{fec.ModeOff, fec.ModeAuto, fec.ModeOn} {
		var seen []string
		for range 5 { // Why again: to a process that seldom runs, its own machine is far away and loses packets
			if seen = inTheWay(t, mode); len(seen) == 0 {
				break
			}
			t.Log(seen)
		}
		for _, problem := range seen {
			t.Errorf("%s: %s", mode, problem)
		}
	}
}

// inTheWay sends much from one node to another, and returns what the repair did that it
// should not.
func inTheWay(t *testing.T, mode fec.Mode) (seen []string) {
	w := newWorld(t)
	a, b := w.node(1, withRepair(mode)), w.node(2, withRepair(mode))
	w.connect(a, b)
	carryFile(t, a, b, 4<<20)
	for j := range 500 {
		a.send(b, raft.Heartbeat{Term: raft.Term(j + 1)})
		b.rec.untilFrames(t, 1, j+1)
	}
	own := uint64(0)
	for _, n := range []*node{a, b} {
		l := n.net.Links()[0]
		if n.net.repair != nil {
			own += n.net.repair.Totals().Own
		}
		if mode == fec.ModeOn {
			continue
		}
		if l.ParityPackets != 0 || l.Repair == transport.RepairActive {
			seen = append(seen, fmt.Sprintf("%+v", l))
		}
		if got, want := n.net.peers[3-n.id].link.Load().conn.ConnectionState().GSO, cutsSegments(t, n.conn); got != want {
			seen = append(seen, fmt.Sprintf("segmentation offload: %v, of the socket %v", got, want))
		}
		if c := n.net.repair; c != nil && c.Totals().Foreign != 0 {
			seen = append(seen, fmt.Sprintf("%+v", c.Totals()))
		}
	}
	if (own > 0) != (mode == fec.ModeOn) {
		seen = append(seen, fmt.Sprintf("%d packets of ours were sent", own))
	}
	return seen
}
