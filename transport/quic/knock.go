package quic

import (
	"context"
	"time"
)

const (
	// knockGrace is added to the time that a dial which is about to succeed gets after
	// a knock.
	knockGrace = 10 * time.Millisecond
	// knockAgain is how long a node that is not dialled waits before it knocks again.
	knockAgain = 10 * time.Second
)

// knock tells the peer, who is the one to dial, that this node has just started:
// it dials and says hello, and the peer closes that connection and dials back.
//
// Why: the peer may be waiting to repeat a packet that came too early for this
// node, or still take a connection to its former life for alive. Or it looks for this
// node where it was before it moved: a knock shows where it is now. For that alone it is
// repeated while no link stands.
func (p *peer) knock(ctx context.Context) {
	for ; ctx.Err() == nil; rest(ctx, knockAgain) {
		if p.link.Load() == nil {
			p.knockOnce(ctx)
		}
	}
}

func (p *peer) knockOnce(ctx context.Context) {
	l, err := p.dialOnce(ctx)
	if err == nil {
		p.blame(nil)
		_ = l.conn.CloseWithError(codeShutdown, "only knocking")
		return
	}
	if ctx.Err() == nil {
		p.blame(err)
		p.n.refusals.note(err, "peer", p.id)
	}
}

// answerKnock dials the peer that knocked, unless a link to this life of it stands
// or comes up meanwhile.
func (p *peer) answerKnock(ctx context.Context, a *arrival) {
	defer func() { _ = a.conn.CloseWithError(codeShutdown, "dialling back") }()
	if l := p.link.Load(); l != nil {
		if compareLives(a.hello, l.hello) > 0 {
			_ = l.conn.CloseWithError(codeReplaced, "the peer has restarted")
		}
		return
	}
	p.seenAt(a.conn.RemoteAddr().String())
	// Why wait: a dial whose packets go through is done in less than two round
	// trips, and must not be ended for a new one.
	timer := time.NewTimer(2*a.conn.ConnectionStats().SmoothedRTT + knockGrace)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	if p.link.Load() == nil {
		p.redial()
	}
}
