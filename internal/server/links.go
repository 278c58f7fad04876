package server

import (
	"context"
	"errors"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
	"github.com/wraft/wraft/transport"
)

// MeasureLink implements api.Cluster.
func (b backend) MeasureLink(ctx context.Context, to client.NodeID, spec client.LinkSpec) (client.LinkMeasure, error) {
	spec = spec.WithDefaults()
	m, err := b.node.MeasureLink(ctx, raft.NodeID(to), node.MeasureSpec{
		Samples: spec.Samples, Interval: time.Duration(spec.IntervalMicros) * time.Microsecond, Bytes: spec.Bytes,
	})
	switch {
	case errors.Is(err, node.ErrLinkDown):
		return client.LinkMeasure{}, client.NewProblem(client.CodeLinkDown, "%v", err).WithCause(err)
	case errors.Is(err, node.ErrBadMeasure):
		return client.LinkMeasure{}, client.NewProblem(client.CodeBadRequest, "%v", err).WithCause(err)
	case err != nil:
		return client.LinkMeasure{}, b.problem(err)
	}
	out := client.LinkMeasure{
		From: client.NodeID(b.node.Self()), To: to, Samples: spec.Samples, Unanswered: m.Unanswered,
		RTTMicros: m.After.RTT.Microseconds(), RTTVarianceMicros: m.After.RTTVariance.Microseconds(),
		Sent:     client.LinkTransfer{Bytes: m.Sent.Bytes, TookMicros: m.Sent.Took.Microseconds()},
		Received: client.LinkTransfer{Bytes: m.Received.Bytes, TookMicros: m.Received.Took.Microseconds()},
		Packets:  m.After.SentPackets - m.Before.SentPackets, Lost: m.After.LostPackets - m.Before.LostPackets,
		LostOnPath: m.After.PathLostPackets - m.Before.PathLostPackets, Parity: m.After.ParityPackets - m.Before.ParityPackets,
		FEC: m.After.Repair.String(),
	}
	if n := len(m.RTTs); n > 0 {
		at := func(share float64) int64 { return m.RTTs[min(int(share*float64(n)), n-1)].Microseconds() }
		out.P50Micros, out.P90Micros, out.P99Micros, out.MaxMicros = at(0.5), at(0.9), at(0.99), at(1)
	}
	return out, nil
}

// linkInfo describes a link; nil when it is none.
func linkInfo(l transport.LinkStats) *client.LinkInfo {
	if l.Peer == 0 {
		return nil
	}
	return &client.LinkInfo{
		RTTVarianceMicros: l.RTTVariance.Microseconds(), Packets: l.SentPackets, LostOnPath: l.PathLostPackets, Lost: l.LostPackets, Parity: l.ParityPackets,
	}
}
