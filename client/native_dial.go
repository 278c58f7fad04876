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

// dialNative connects to a node over the native protocol and shows it a token, unless that is
// "". A *Problem is what the node says of the token, or that it has no word for one.
func dialNative(ctx context.Context, host string, conf *tls.Config, token string) (*nativeConn, error) {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return nil, err
	}
	socket, err := new(net.Dialer).DialContext(ctx, "udp", host)
	if err != nil {
		return nil, err
	}
	conf = conf.Clone()
	conf.NextProtos = wire.ALPNs()
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
		return nil, refused(fmt.Errorf("client: connect to %s over UDP: %w", host, err), host, token)
	}
	n, err := newNativeConn(host, quic, free)
	if err != nil {
		free()
		return nil, refused(err, host, token)
	}
	if token == "" {
		return n, nil
	}
	if err := n.show(ctx, token); err != nil {
		n.leave()
		return nil, err
	}
	return n, nil
}

// show shows a token; what is asked afterwards is asked by its holder.
func (n *nativeConn) show(ctx context.Context, token string) error {
	if !n.has(wire.KindToken) {
		return noTokens(n.host)
	}
	a, sent, err := n.ask(ctx, &wire.Request{Kind: wire.KindToken, Data: []byte(token)})
	if err != nil {
		return transportProblem(err, n.host, sent)
	}
	if _, p := answerOf(a, n.host); p != nil {
		return p
	}
	return nil
}

// refused words a connection that ended while it was set up. A node that knows tokens waits for
// one; to a holder of one the close for want of a certificate says therefore that it does not.
func refused(err error, host, token string) error {
	if token != "" && isNoCertificate(err) {
		return noTokens(host)
	}
	return err
}

func noTokens(host string) *Problem {
	return NewProblem(CodeUnreachable, "%s is of an older release, whose native protocol has no tokens: use a certificate, or HTTP", host)
}

// has reports whether both sides speak a version that has the kind.
func (n *nativeConn) has(k wire.Kind) bool { return k.In(n.alpn) }

// connected is a UDP socket with one other end. Only to such a one the system tells
// that nobody listens there any more, which is the fastest news of a node's end.
type connected struct{ *net.UDPConn }

// WriteTo implements net.PacketConn; the address is the other end's.
func (c connected) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

// WriteMsgUDP is net.UDPConn's; the address is the other end's.
func (c connected) WriteMsgUDP(b, oob []byte, _ *net.UDPAddr) (n, oobn int, err error) {
	return c.UDPConn.WriteMsgUDP(b, oob, nil)
}
