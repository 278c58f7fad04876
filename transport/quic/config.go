package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/wraft/wraft/internal/pki"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport/fec"
	"github.com/wraft/wraft/transport/wire"
)

const (
	idleTimeoutDefault      = 3 * time.Second
	handshakeTimeoutDefault = 2 * time.Second
	stallTimeoutDefault     = 30 * time.Second
	backoffMinDefault       = 25 * time.Millisecond
	backoffMaxDefault       = time.Second
	probeIntervalDefault    = 50 * time.Millisecond

	lanesDefault        = 2
	lanesMax            = 8
	queueBytesDefault   = 2 * wire.BodyBytesMax
	queueFramesDefault  = 8192
	servesDefault       = 8
	fetchesPerPeer      = 4
	streamWindowBytes   = 4 << 20
	handshakesMax       = 64
	handshakesTrusted   = 16
	handshakesUnderWay  = 512
	connectionIDBytes   = 12
	deliverFramesMax    = 256
	writeBytesMax       = 256 << 10
	uniStreamsPerPeer   = lanesMax + 8 + bundlesOpenMax
	datagramBytes       = 1100
	refusalLogsInterval = 10 * time.Second

	// bundlesOpenMax is how many bundles may be on their way: a long round trip and a
	// repair at a thousand a second.
	bundlesOpenMax = 512
)

// The connection's receive window is twice what stalled files may hold unread, so
// that they leave at least half of it to everything else.
const connectionWindowBytes = 2 * fetchesPerPeer * streamWindowBytes

// Config says who a node is and how its network behaves.
type Config struct {
	// Node is this node; it must be the one in the certificate.
	Node raft.NodeID
	// Incarnation and Boot order this node's lives: a connection of a later one
	// replaces those of earlier ones at the peers. Boot must grow with each start. An
	// Incarnation of 0 is a node that has no life yet: see Network.SetIncarnation.
	Incarnation raft.Incarnation
	Boot        uint64
	// Cluster is the cluster's name; it must be the one in all certificates.
	Cluster string
	// Conn carries the packets. The caller closes it, after Network.Close.
	Conn net.PacketConn
	// Certificate returns the node's certificate and key; it is asked at each
	// handshake, so that a renewed one is used without a restart.
	Certificate func() (tls.Certificate, error)
	// Trust returns whose certificates count now; it is asked at each handshake. See
	// Network.Recheck for connections that stand.
	Trust func() *pki.Trust
	// Logger gets one line per refusal and reason each 10 s, and a line when a
	// connection comes or goes. Default: nothing is logged.
	Logger *slog.Logger
	// Now is the wall clock by which certificates are valid. Default time.Now.
	Now func() time.Time
	// Resolve turns a peer's address into one Conn understands. Default: host:port
	// by the system's resolver.
	Resolve func(ctx context.Context, address string) (net.Addr, error)
	// Probe opens a way to learn whether a process listens at an address that packets
	// of a peer come from: after a write to where none does, a read or another write
	// fails with ECONNREFUSED. ProbeUDP is the one of real networks. Default nil: a
	// peer that ends without a word is only silent.
	Probe func(at net.Addr) (net.Conn, error)
	// ProbeInterval is how long a peer may be silent before it is probed, and how
	// often then. Default 50 ms.
	ProbeInterval time.Duration
	// Seed is that of the jitter in reconnects, together with Node and Boot.
	Seed uint64

	// Repair says whether and at what cost losses are repaired below QUIC, with peers
	// that do so too. Default: while there are losses.
	Repair fec.Config

	// IdleTimeout ends a connection from which nothing came; it should be a few
	// election timeouts. Default 3 s.
	IdleTimeout time.Duration
	// KeepAlive is how long a connection may be silent before it is asked for a
	// sign of life. Default a third of IdleTimeout.
	KeepAlive time.Duration
	// HandshakeTimeout bounds an attempt to connect, hello included. Default 2 s.
	HandshakeTimeout time.Duration
	// StallTimeout ends a file's transfer that makes no progress. Default 30 s.
	StallTimeout time.Duration
	// BackoffMin and BackoffMax bound the pause between attempts to connect, which
	// doubles and is spread by half. Default 25 ms and 1 s.
	BackoffMin, BackoffMax time.Duration

	// Lanes is how many streams carry appends, 1 to 8. Default 2.
	Lanes int
	// QueueBytesMax and QueueFramesMax bound each queue of each peer: each append
	// lane, forwards, votes; heartbeats by frames alone. Default 32 MiB and 8192.
	QueueBytesMax  int
	QueueFramesMax int
	// ServesMax bounds the files that are served at once, to all peers. Default 8.
	ServesMax int
	// FileBytesPerSecond bounds the rate at which files are served, to all peers
	// together. Default 0: no bound.
	FileBytesPerSecond int
}

func (c Config) withDefaults() Config {
	setDefault(&c.IdleTimeout, idleTimeoutDefault)
	setDefault(&c.KeepAlive, c.IdleTimeout/3)
	setDefault(&c.HandshakeTimeout, handshakeTimeoutDefault)
	setDefault(&c.StallTimeout, stallTimeoutDefault)
	setDefault(&c.BackoffMin, backoffMinDefault)
	setDefault(&c.BackoffMax, backoffMaxDefault)
	setDefault(&c.ProbeInterval, probeIntervalDefault)
	setDefault(&c.Lanes, lanesDefault)
	setDefault(&c.QueueBytesMax, queueBytesDefault)
	setDefault(&c.QueueFramesMax, queueFramesDefault)
	setDefault(&c.ServesMax, servesDefault)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Resolve == nil {
		c.Resolve = resolve
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports all that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("quic: "+format, args...))
		}
	}
	check(c.Node != 0, "node: must not be 0")
	check(c.Conn != nil, "conn: must be set")
	check(c.Certificate != nil, "certificate: must be set")
	check(c.Trust != nil, "trust: must be set")
	if err := pki.CheckName("cluster", c.Cluster); err != nil {
		errs = append(errs, fmt.Errorf("quic: %w", err))
	}
	for name, d := range map[string]time.Duration{
		"idle timeout": c.IdleTimeout, "keep-alive": c.KeepAlive, "handshake timeout": c.HandshakeTimeout,
		"stall timeout": c.StallTimeout, "least backoff": c.BackoffMin, "greatest backoff": c.BackoffMax, "probe interval": c.ProbeInterval,
	} {
		check(d >= 0, "%s %s: must not be negative", name, d)
	}
	d := c.withDefaults()
	check(d.BackoffMin <= d.BackoffMax, "backoff from %s to %s: the least exceeds the greatest", d.BackoffMin, d.BackoffMax)
	check(d.KeepAlive < d.IdleTimeout, "keep-alive %s: must be below the idle timeout, %s", d.KeepAlive, d.IdleTimeout)
	check(d.Lanes >= 1 && d.Lanes <= lanesMax, "%d lanes: must be 1 to %d", d.Lanes, lanesMax)
	check(d.QueueBytesMax > 0 && d.QueueFramesMax > 0, "queues of %d bytes and %d frames: must be positive", d.QueueBytesMax, d.QueueFramesMax)
	check(d.ServesMax > 0, "%d files at once: must be positive", d.ServesMax)
	if err := c.Repair.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("quic: %w", err))
	}
	check(d.FileBytesPerSecond >= 0, "%d bytes per second for files: must not be negative", d.FileBytesPerSecond)
	return errors.Join(errs...)
}

// resolve looks up host:port with the system's resolver.
func resolve(ctx context.Context, address string) (net.Addr, error) {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		return net.UDPAddrFromAddrPort(ap), nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q of %s is no number from 0 to 65535", port, address)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(ips[0].Unmap(), uint16(number))), nil
}
