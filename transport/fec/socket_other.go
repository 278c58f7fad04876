//go:build !linux

package fec

import "net"

// Capable reports whether losses can be repaired over a socket. On systems other
// than Linux a UDP socket is better left to quic-go alone.
func Capable(inner net.PacketConn) bool {
	_, udp := inner.(*net.UDPConn)
	return !udp
}

func newSocket(c *Conn, udp *net.UDPConn) net.PacketConn {
	return &plain{PacketConn: udp, c: c}
}

// writeTo sends a packet of ours.
func writeTo(inner net.PacketConn, b, _ []byte, to *net.UDPAddr) error {
	_, err := inner.WriteTo(b, to)
	return err
}
