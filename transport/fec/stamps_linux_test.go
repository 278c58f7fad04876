package fec

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// What a packet waits in the socket until it is read is known, and so is no delay of its way.
func TestWaitingInTheSocketIsKnown(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	stampArrivals(udp)
	in := ipv4.NewPacketConn(udp)
	ms := []ipv4.Message{{Buffers: [][]byte{make([]byte, 64)}, OOB: make([]byte, 128)}}
	for tries := 1; ; tries++ { // Why many: the kernel begins to note times a moment after it was asked to
		if _, err := udp.WriteToUDP([]byte{1}, udp.LocalAddr().(*net.UDPAddr)); err != nil {
			t.Fatal(err)
		}
		written := time.Now() // on loopback a packet is there when it is written
		<-time.After(20 * time.Millisecond)
		least := time.Since(written) - time.Millisecond // Why less: two clocks
		if n, err := in.ReadBatch(ms, 0); n != 1 || err != nil {
			t.Fatalf("%d messages, %v", n, err)
		}
		got := sinceArrival(ms[0].OOB[:ms[0].NN])
		if got >= least {
			return
		}
		if tries == 100 {
			t.Fatalf("it waited %v, at least %v", got, least)
		}
	}
}

// A stamp that can't be, as after a step of the clock, and messages that hold none say nothing.
func TestStampsThatSayNothing(t *testing.T) {
	stamp := func(at time.Time) []byte {
		body := binary.NativeEndian.AppendUint64(nil, uint64(at.Unix()))
		body = binary.NativeEndian.AppendUint64(body, uint64(at.Nanosecond()))
		return message(unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, body)
	}
	now := time.Now()
	for name, oob := range map[string][]byte{
		"none":         nil,
		"a mark":       message(unix.IPPROTO_IP, unix.IP_TOS, []byte{2}),
		"rubbish":      {1, 2, 3},
		"too short":    message(unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS, make([]byte, 8)),
		"to come":      stamp(now.Add(time.Hour)),
		"an hour old":  stamp(now.Add(-time.Hour)),
		"before times": stamp(time.Unix(0, 0)),
	} {
		if got := sinceArrival(oob); got != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := sinceArrival(append(message(unix.IPPROTO_IP, unix.IP_TOS, []byte{2}), stamp(now.Add(-waitedMax/2))...)); got < waitedMax/2 {
		t.Errorf("half a second behind a mark: %v", got)
	}
}
