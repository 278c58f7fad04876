package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/client/wire"
)

const (
	// nativeIdleTimeout ends a connection over which nothing comes; nativeKeepAlive asks
	// for a sign of life before.
	nativeIdleTimeout = 10 * time.Second
	nativeKeepAlive   = 3 * time.Second

	nativeStreamWindowFirst, nativeStreamWindowMost = 512 << 10, 8 << 20
	nativeWindowFirst, nativeWindowMost             = 1 << 20, 16 << 20
)

// dialNative connects to a node over the native protocol.
func dialNative(ctx context.Context, host string, conf *tls.Config) (*nativeConn, error) {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return nil, err
	}
	socket, err := new(net.Dialer).DialContext(ctx, "udp", host)
	if err != nil {
		return nil, err
	}
	conf = conf.Clone()
	conf.NextProtos = []string{wire.ALPN}
	if conf.ServerName == "" {
		conf.ServerName = name
	}
	transport := &quicgo.Transport{Conn: connected{socket.(*net.UDPConn)}}
	free := func() {
		// Why the errors are dropped: both are being thrown away.
		_ = transport.Close()
		_ = socket.Close()
	}
	quic, err := transport.Dial(ctx, socket.RemoteAddr(), conf, &quicgo.Config{
		HandshakeIdleTimeout: dialTimeout, MaxIdleTimeout: nativeIdleTimeout, KeepAlivePeriod: nativeKeepAlive,
		InitialStreamReceiveWindow: nativeStreamWindowFirst, MaxStreamReceiveWindow: nativeStreamWindowMost,
		InitialConnectionReceiveWindow: nativeWindowFirst, MaxConnectionReceiveWindow: nativeWindowMost,
		MaxIncomingStreams: -1, MaxIncomingUniStreams: -1,
	})
	if err != nil {
		free()
		return nil, fmt.Errorf("client: connect to %s over UDP: %w", host, err)
	}
	n, err := newNativeConn(host, quic, free)
	if err != nil {
		free()
	}
	return n, err
}

// connected is a UDP socket with one other end. Only to such a one the system tells
// that nobody listens there any more, which is the fastest news of a node's end.
type connected struct{ *net.UDPConn }

// WriteTo implements net.PacketConn; the address is the other end's.
func (c connected) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

// WriteMsgUDP is net.UDPConn's; the address is the other end's.
func (c connected) WriteMsgUDP(b, oob []byte, _ *net.UDPAddr) (n, oobn int, err error) {
	return c.UDPConn.WriteMsgUDP(b, oob, nil)
}
