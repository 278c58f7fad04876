package quic

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/wraft/wraft/transport"
)

// Why a link does not stand. A dial that gets no answer does not know whether the host
// is down, UDP is blocked, or only the packets of a handshake are too large for the path.
// A node answers packets of connections that it does not know with a stateless reset
// (RFC 9000 §10.3), whatever their size; so two sizes of them tell.

const (
	// wonderSmall is the size of a packet that passes wherever anything does, and is still
	// answered.
	wonderSmall = 64
	// wonderTries is how many packets of each size are sent: some may be lost.
	wonderTries = 3
	// wonderLogs is how often it is logged that a peer cannot be reached, at least.
	wonderLogs = time.Minute
)

// addressError is one of an address that cannot be resolved.
type addressError struct{ error }

func (e *addressError) Unwrap() error { return e.error }

// blame notes what an attempt to dial ended with, if that says why.
func (p *peer) blame(err error) {
	fault := transport.DownUnknown
	var address *addressError
	if errors.As(err, &address) {
		fault = transport.DownAddress
	} else if _, ok := reasonOf(err); ok {
		fault = transport.DownRefused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = fault
}

// wonder finds out, until ctx ends, why no link to the peer stands while none does.
func (p *peer) wonder(ctx context.Context) {
	cfg := &p.n.cfg
	var said transport.DownReason
	var saidAt time.Time
	for rest(ctx, cfg.HandshakeTimeout); ctx.Err() == nil; rest(ctx, cfg.HandshakeTimeout) {
		down, at := transport.DownUnknown, ""
		if p.link.Load() == nil {
			down, at = p.whyDown(ctx)
		}
		if p.link.Load() != nil || ctx.Err() != nil {
			down = transport.DownUnknown
		}
		p.mu.Lock()
		p.down = down
		p.mu.Unlock()
		if down != transport.DownUnknown && (down != said || time.Since(saidAt) >= wonderLogs) {
			cfg.Logger.Warn("a peer cannot be reached", "node", cfg.Node, "peer", p.id, "address", at, "reason", string(down), "hint", hintOf(down))
			saidAt = time.Now()
		}
		said = down
	}
}

// hintOf says to an operator what a reason may mean.
func hintOf(down transport.DownReason) string {
	switch down {
	case transport.DownSilent:
		return "its host is down, or UDP to it or from it is blocked"
	case transport.DownAbsent:
		return "no process listens there"
	case transport.DownNarrow:
		return "small packets pass, those of 1200 bytes do not: raise the MTU of tunnels on the way"
	case transport.DownBusy:
		return "it answers, and takes no connection in time"
	case transport.DownRefused:
		return "one of the two refuses the other, see its log"
	case transport.DownAddress:
		return "its address cannot be resolved"
	}
	return ""
}

// whyDown returns why the peer cannot be reached, and where it was looked for.
func (p *peer) whyDown(ctx context.Context) (down transport.DownReason, address string) {
	p.mu.Lock()
	fault, address := p.fault, p.address
	p.mu.Unlock()
	if fault != transport.DownUnknown {
		return fault, address
	}
	cfg := &p.n.cfg
	if cfg.Probe == nil {
		return transport.DownSilent, address
	}
	asking, cancel := context.WithTimeout(ctx, cfg.HandshakeTimeout)
	defer cancel()
	at, err := cfg.Resolve(asking, address)
	if err != nil {
		return transport.DownAddress, address
	}
	small := false
	large, err := p.call(ctx, at, packetBytesMin)
	if !large && !refused(err) {
		small, err = p.call(ctx, at, wonderSmall)
	}
	if small { // Why again: the path may have healed in between
		large, err = p.call(ctx, at, packetBytesMin)
	}
	switch {
	case refused(err):
		return transport.DownAbsent, address
	case large:
		return transport.DownBusy, address
	case small:
		return transport.DownNarrow, address
	}
	return transport.DownSilent, address
}

// call sends packets of a size to an address, from a socket of their own, and reports
// whether any is answered.
func (p *peer) call(ctx context.Context, at net.Addr, bytes int) (heard bool, err error) {
	conn, err := p.n.cfg.Probe(at)
	if err != nil {
		return false, err
	}
	unwatch := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer unwatch()
	defer conn.Close() // nothing is lost with it
	packet := make([]byte, bytes)
	packet[0] = 0x40 // a short header: RFC 9000 §17.3; the zeros are no connection's ID
	var buf [64]byte
	for range wonderTries {
		if _, err = conn.Write(packet); err != nil {
			return false, err
		}
		due := time.Now().Add(p.n.cfg.HandshakeTimeout / wonderTries)
		_ = conn.SetReadDeadline(due) // fails only when it is closed, and then the read does
		if _, err = conn.Read(buf[:]); err == nil {
			return true, nil
		}
		if refused(err) {
			return false, err
		}
		rest(ctx, time.Until(due)) // Why: other errors come before the deadline
	}
	return false, err
}
