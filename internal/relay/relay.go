package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/wraft/wraft/internal/clock"
)

const (
	flowsMaxDefault   = 64
	datagramBytesMax  = 64 << 10
	socketBufferBytes = 4 << 20
)

// Config is what a relay is told at its start; conditions may change later.
type Config struct {
	// Listen is the UDP address to listen at, as host:port; default 127.0.0.1:0.
	Listen string
	// Target is the UDP address that datagrams go to. Required.
	Target string
	// Seed feeds all decisions.
	Seed uint64
	// FlowsMax bounds the clients served, default 64. One more replaces the one that
	// was silent longest.
	FlowsMax int
	// Forward is the direction to the target, Back the one from it.
	Forward, Back Conditions
}

// Relay carries datagrams between clients and one target.
type Relay struct {
	target   netip.AddrPort
	front    *net.UDPConn
	flowsMax int
	clock    clock.Clock
	wake     chan struct{} // something is due earlier than the deliverer thinks
	done     chan struct{}
	running  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	links  [2]*link   // by Direction
	flows  map[netip.AddrPort]*flow
	closed bool
}

// Direction names one half of a link.
type Direction int

// The directions, as a client sees them.
const (
	Forward Direction = iota // from clients to the target
	Back                     // from the target to clients
)

// flow is one client, and the socket that stands for it at the target.
type flow struct {
	client netip.AddrPort
	back   *net.UDPConn
	heard  time.Duration // when the client last sent something
}

// Start listens and carries until Close.
func Start(cfg Config) (*Relay, error) {
	if err := errors.Join(cfg.Forward.Validate(), cfg.Back.Validate()); err != nil {
		return nil, err
	}
	if cfg.Target == "" {
		return nil, errors.New("relay: target: missing")
	}
	target, err := net.ResolveUDPAddr("udp", cfg.Target)
	if err != nil {
		return nil, fmt.Errorf("relay: target: %w", err)
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.FlowsMax <= 0 {
		cfg.FlowsMax = flowsMaxDefault
	}
	at, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("relay: listen: %w", err)
	}
	front, err := net.ListenUDP("udp", at)
	if err != nil {
		return nil, fmt.Errorf("relay: listen: %w", err)
	}
	roomy(front)
	r := &Relay{
		target: unmapped(target.AddrPort()), front: front, flowsMax: cfg.FlowsMax, clock: clock.System(),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		links: [2]*link{newLink(cfg.Forward, cfg.Seed, 1), newLink(cfg.Back, cfg.Seed, 2)},
		flows: map[netip.AddrPort]*flow{},
	}
	r.running.Go(r.readFront)
	r.running.Go(r.deliver)
	return r, nil
}

// Addr is where clients send to instead of to the target.
func (r *Relay) Addr() netip.AddrPort { return unmapped(r.front.LocalAddr().(*net.UDPAddr).AddrPort()) }

// Set changes the conditions of one direction from now on. The error says which
// field cannot work; then nothing changes.
func (r *Relay) Set(d Direction, c Conditions) error {
	if err := c.Validate(); err != nil {
		return err
	}
	r.mu.Lock()
	r.links[d].set(c)
	r.mu.Unlock()
	return nil
}

// Rebind gives every client a new socket towards the target, as a NAT does that
// forgot it: the target sees a new port, and what it sends to the old one is lost.
// An error leaves the clients it did not come to as they were.
func (r *Relay) Rebind() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return net.ErrClosed
	}
	for _, f := range r.flows {
		fresh, err := r.open()
		if err != nil {
			return err
		}
		_ = f.back.Close() // ends its reader
		f.back = fresh
		r.running.Go(func() { r.readBack(f, fresh) })
	}
	return nil
}

// Counters returns what became of the datagrams of one direction so far.
func (r *Relay) Counters(d Direction) Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.links[d].counts
}

// Close stops the relay and waits for its goroutines. What is on its way is lost.
func (r *Relay) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	err := r.front.Close()
	for _, f := range r.flows {
		err = errors.Join(err, f.back.Close())
	}
	close(r.done)
	r.mu.Unlock()
	r.running.Wait()
	return err
}

// readFront takes in what clients send.
func (r *Relay) readFront() {
	r.read(r.front, func(from netip.AddrPort, data []byte) {
		if f := r.flowOf(from); f != nil {
			r.links[Forward].accept(r.clock.Now(), f, data)
		}
	})
}

// readBack takes in what the target sends to one client.
func (r *Relay) readBack(f *flow, conn *net.UDPConn) {
	r.read(conn, func(_ netip.AddrPort, data []byte) {
		r.links[Back].accept(r.clock.Now(), f, data)
	})
}

// read hands every datagram of a socket to take, with the lock held, until the
// socket is closed.
func (r *Relay) read(conn *net.UDPConn, take func(from netip.AddrPort, data []byte)) {
	buffer := make([]byte, datagramBytesMax)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the word that an earlier datagram found no listener
		}
		r.mu.Lock()
		if !r.closed {
			take(unmapped(from), slices.Clone(buffer[:n]))
		}
		r.mu.Unlock()
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// flowOf returns the flow of a client, a new one if need be; nil when no socket
// can be had. The lock is held.
func (r *Relay) flowOf(client netip.AddrPort) *flow {
	if f := r.flows[client]; f != nil {
		f.heard = r.clock.Now()
		return f
	}
	if len(r.flows) >= r.flowsMax {
		r.forgetOldest()
	}
	back, err := r.open()
	if err != nil {
		return nil // Why silent: to the client it is one more lost datagram
	}
	f := &flow{client: client, back: back, heard: r.clock.Now()}
	r.flows[client] = f
	r.running.Go(func() { r.readBack(f, back) })
	return f
}

func (r *Relay) forgetOldest() {
	var oldest *flow
	for _, f := range r.flows {
		if oldest == nil || f.heard < oldest.heard {
			oldest = f
		}
	}
	_ = oldest.back.Close() // ends its reader
	delete(r.flows, oldest.client)
}

// open makes a socket for one client towards the target.
func (r *Relay) open() (*net.UDPConn, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.target))
	if err != nil {
		return nil, fmt.Errorf("relay: socket to the target: %w", err)
	}
	roomy(conn)
	return conn, nil
}

// deliver writes datagrams when their time has come. It alone writes, so that
// nothing is overtaken that should not be.
func (r *Relay) deliver() {
	timer := r.clock.NewTimer(time.Hour)
	defer timer.Stop()
	var forward, back []datagram
	for {
		r.mu.Lock()
		now := r.clock.Now()
		forward = r.links[Forward].due(now, forward[:0])
		back = r.links[Back].due(now, back[:0])
		wait := r.wait(now)
		conns := make([]*net.UDPConn, len(forward))
		for i, d := range forward {
			conns[i] = d.flow.back
		}
		r.mu.Unlock()
		// Why errors are ignored: a datagram that cannot be sent is a lost one.
		for i, d := range forward {
			_, _ = conns[i].Write(d.data)
		}
		for _, d := range back {
			_, _ = r.front.WriteToUDPAddrPort(d.data, d.flow.client)
		}
		clear(forward)
		clear(back)
		timer.Reset(wait)
		select {
		case <-r.done:
			return
		case <-r.wake:
		case <-timer.C():
		}
	}
}

// wait is how long nothing is due. The lock is held.
func (r *Relay) wait(now time.Duration) time.Duration {
	wait := time.Hour
	for _, l := range r.links {
		if at, ok := l.next(); ok {
			wait = min(wait, max(at-now, 0))
		}
	}
	return wait
}

// roomy asks for large buffers: the kernel must not lose what the link does not.
func roomy(conn *net.UDPConn) {
	_ = conn.SetReadBuffer(socketBufferBytes)
	_ = conn.SetWriteBuffer(socketBufferBytes)
}

// unmapped makes one address of the two forms an IPv4 one may have.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
