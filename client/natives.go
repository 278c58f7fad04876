package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/wraft/wraft/client/wire"
)

// nativeRetryPause is how long a node that was not reached over the native protocol
// is spoken to over HTTP before it is tried again.
const nativeRetryPause = 15 * time.Second

var errClientClosed = errors.New("client: closed")

// natives are the connections of the native protocol, one per node.
type natives struct {
	tls *tls.Config
	// token is shown to each node, unless it is "".
	token string
	ctx   context.Context // of attempts to connect
	stop  context.CancelFunc
	wg    sync.WaitGroup // attempts to connect

	// mu guards the fields below, and those of hosts.
	mu     sync.Mutex
	hosts  map[string]*nativeHost // by host:port
	closed bool
}

// nativeHost is what is known of one node.
type nativeHost struct {
	conn *nativeConn // nil: none
	// dialling is closed when the attempt under way has ended; nil: none is.
	dialling chan struct{}
	err      error     // of the last attempt
	after    time.Time // when ProtocolAuto tries again
	offers   bool      // the node said that it speaks the protocol
}

func newNatives(conf *tls.Config, token string) *natives {
	ctx, stop := context.WithCancel(context.Background())
	return &natives{tls: conf, token: token, ctx: ctx, stop: stop, hosts: make(map[string]*nativeHost)}
}

// host is the entry of a node; mu is held.
func (n *natives) host(name string) *nativeHost {
	h, ok := n.hosts[name]
	if !ok {
		h = new(nativeHost)
		n.hosts[name] = h
	}
	return h
}

// offered notes what a node said about itself over HTTP.
//
// Why only of the port that was asked: where it is another one, something in between
// translates addresses, and what it does with UDP nobody knows.
func (n *natives) offered(name, altSvc string) {
	_, port, err := net.SplitHostPort(name)
	if err != nil || !strings.Contains(altSvc, wire.AltSvc+`=":`+port+`"`) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.host(name).offers = true
}

// ready is the connection with a node, or nil when HTTP is the way for now. If one
// might be had, it begins to connect, and waits for nothing. Why not sooner: a program
// of one call is done before a connection would be.
func (n *natives) ready(name string) *nativeConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.host(name)
	if h.conn != nil && h.conn.usable() {
		return h.conn
	}
	if h.offers && h.dialling == nil && time.Now().After(h.after) {
		n.dial(name, h)
	}
	return nil
}

// reach is the connection with a node, after at most one attempt to connect.
func (n *natives) reach(ctx context.Context, name string) (*nativeConn, error) {
	n.mu.Lock()
	h := n.host(name)
	if h.conn != nil && h.conn.usable() {
		defer n.mu.Unlock()
		return h.conn, nil
	}
	if h.dialling == nil {
		n.dial(name, h)
	}
	done := h.dialling
	n.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if h.conn == nil {
		return nil, h.err
	}
	return h.conn, nil
}

// dial begins to connect; mu is held.
func (n *natives) dial(name string, h *nativeHost) {
	done := make(chan struct{})
	h.dialling = done
	if n.closed {
		h.conn, h.err, h.dialling = nil, errClientClosed, nil
		close(done)
		return
	}
	n.wg.Go(func() {
		ctx, cancel := context.WithTimeout(n.ctx, dialTimeout)
		defer cancel()
		conn, err := dialNative(ctx, name, n.tls, n.token)
		n.mu.Lock()
		defer n.mu.Unlock()
		if err == nil && n.closed {
			conn.leave()
		}
		h.conn, h.err, h.dialling = conn, err, nil
		if err != nil {
			h.after = time.Now().Add(nativeRetryPause)
		}
		close(done)
	})
}

// close ends attempts to connect and idle connections; those that are used end when
// their last call does.
func (n *natives) close() {
	n.mu.Lock()
	n.closed = true
	for _, h := range n.hosts {
		if h.conn != nil {
			h.conn.leave()
		}
	}
	n.mu.Unlock()
	n.stop()
	n.wg.Wait()
}
