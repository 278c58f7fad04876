package quic

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	quicgo "github.com/quic-go/quic-go"

	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/wire"
)

// protocolVersion is the version of the protocol between nodes: what frames mean
// and how they travel. wire.Version is that of their encoding.
const protocolVersion = 1

// sayHello is the dialling side's part: send a hello, check the answer.
func (p *peer) sayHello(ctx context.Context, conn *quicgo.Conn) (own, hello wire.Hello, err error) {
	own = p.n.ownHello(p.n.dials.Add(1))
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return own, hello, err
	}
	if err := writeHello(stream, own); err != nil {
		return own, hello, err
	}
	if hello, err = readHello(stream); err != nil {
		return own, hello, err
	}
	return own, hello, p.n.checkHello(hello, p.id)
}

// greet is the accepting side's part up to the point where the peer's own
// goroutine takes over: read the hello, check it, find the peer.
func (n *Network) greet(ctx context.Context, conn *quicgo.Conn) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.HandshakeTimeout)
	defer cancel()
	unwatch := context.AfterFunc(ctx, func() { _ = conn.CloseWithError(endCode(ctx)) })
	defer unwatch()
	a, p, err := n.meet(ctx, conn)
	if err != nil {
		n.turnAway(conn, err)
		return
	}
	if p.dials() {
		p.answerKnock(ctx, a)
		return
	}
	select {
	case p.arrivals <- a:
	case <-conn.Context().Done():
	case <-p.done:
		n.turnAway(conn, refuse(ReasonUnknownPeer, "quic: %v was just removed", p.id))
	}
}

// meet reads and checks the hello of a connection that was accepted.
func (n *Network) meet(ctx context.Context, conn *quicgo.Conn) (*arrival, *peer, error) {
	id, err := n.identify(conn.ConnectionState().TLS)
	if err != nil {
		return nil, nil, err
	}
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return nil, nil, refuse(ReasonHello, "quic: no hello from %v: %w", id, err)
	}
	hello, err := readHello(stream)
	if err != nil {
		return nil, nil, fmt.Errorf("quic: hello of %v: %w", id, err)
	}
	if err := n.checkHello(hello, id); err != nil {
		return nil, nil, err
	}
	p, err := n.peer(id)
	if err != nil {
		if g, greets := n.handler.(transport.Greeter); greets && errors.Is(err, transport.ErrUnknownPeer) {
			g.Stranger(id, conn.RemoteAddr().String())
		}
		return nil, nil, refuse(ReasonUnknownPeer, "quic: %w", err)
	}
	return &arrival{conn: conn, stream: stream, hello: hello}, p, nil
}

// checkHello compares a hello with the certificate and with what this node is.
func (n *Network) checkHello(h wire.Hello, certified raft.NodeID) error {
	switch {
	case h.Cluster != n.cfg.Cluster:
		return refuse(ReasonCluster, "quic: %v says hello for cluster %q, this is %s", certified, h.Cluster, n.cfg.Cluster)
	case h.Node != certified:
		return refuse(ReasonHello, "quic: %v says hello, but the certificate is that of %v", h.Node, certified)
	case h.VersionMin > protocolVersion || h.VersionMax < protocolVersion:
		return refuse(ReasonVersion, "quic: %v speaks versions %d to %d, this node %d", certified, h.VersionMin, h.VersionMax, protocolVersion)
	}
	return nil
}

func writeHello(stream *quicgo.Stream, h wire.Hello) error {
	data, err := wire.AppendHello(nil, h)
	if err != nil {
		return err
	}
	if _, err := stream.Write(data); err != nil {
		return err
	}
	return stream.Close()
}

func readHello(stream *quicgo.Stream) (wire.Hello, error) {
	body, err := wire.ReadSession(stream, wire.KindHello)
	if err != nil {
		return wire.Hello{}, err
	}
	return wire.DecodeHello(body)
}

// helloCode is the code a dialling node closes a connection with.
func helloCode(err error) quicgo.ApplicationErrorCode {
	var own *refusal
	if errors.As(err, &own) {
		return own.reason.code()
	}
	return codeHello
}

// arrival is a connection that a peer dialled and whose hello was accepted; the
// answer is still due.
type arrival struct {
	conn   *quicgo.Conn
	stream *quicgo.Stream
	hello  wire.Hello
}

// after reports whether the connection is newer than a link: of a later life of
// the peer, or a later one of the same life.
func (a *arrival) after(l *link) bool {
	return cmp.Or(compareLives(a.hello, l.hello), cmp.Compare(a.hello.Connection, l.hello.Connection)) > 0
}

// compareLives orders two hellos of a node by its life: by disk, then by start.
func compareLives(a, b wire.Hello) int {
	return cmp.Or(cmp.Compare(a.Incarnation, b.Incarnation), cmp.Compare(a.Boot, b.Boot))
}

// bootBits is how much of a node's life is the number of its start; the incarnation
// comes before it.
const bootBits = 40

// bootNumber orders all lives of a node by one number.
func bootNumber(h wire.Hello) uint64 {
	return uint64(h.Incarnation)<<bootBits | min(h.Boot, 1<<bootBits-1)
}

// accept answers the hello; from then on the peer may send.
func (a *arrival) accept(p *peer) (*link, error) {
	own := p.n.ownHello(a.hello.Connection)
	if err := writeHello(a.stream, own); err != nil {
		return nil, fmt.Errorf("quic: answer the hello of %v: %w", p.id, err)
	}
	return newLink(p, a.conn, own, a.hello), nil
}
