package quic

import (
	"net"
	"time"

	"github.com/wraft/wraft/transport"
	"github.com/wraft/wraft/transport/fec"
)

const (
	// featureRepair is the bit of a hello by which a node says that it repairs losses
	// below QUIC, by the first version of package fec.
	featureRepair = 1 << 0

	repairLabel = "EXPORTER-wraft-fec/1"
	// observeEvery is how often a link learns what QUIC knows of its path.
	observeEvery = 100 * time.Millisecond
)

// packetConn returns what quic-go reads from and writes to: the socket itself, or a
// fec.Conn over it, which is set in n.
func (n *Network) packetConn() (net.PacketConn, error) {
	if n.cfg.Repair.Mode == fec.ModeOff || !fec.Capable(n.cfg.Conn) {
		return n.cfg.Conn, nil
	}
	conn, err := fec.New(n.cfg.Conn, n.cfg.Repair)
	if err != nil {
		return nil, err
	}
	n.repair = conn
	return conn.PacketConn(), nil
}

// features are the abilities that this node's hello tells of.
func (n *Network) features() uint64 {
	if n.repair == nil {
		return featureChecks | featureFiles
	}
	return featureChecks | featureFiles | featureRepair | featureBundles
}

// agreesToRepair reports whether both sides repair losses.
func (l *link) agreesToRepair() bool {
	return l.p.n.repair != nil && l.hello.Features&featureRepair != 0
}

// openRepair begins to repair the link's losses, if both sides can. Where it
// cannot begin, the link stands without.
func (l *link) openRepair() {
	if !l.agreesToRepair() {
		return
	}
	logger := l.p.n.cfg.Logger.With("node", l.p.n.cfg.Node, "peer", l.p.id)
	state := l.conn.ConnectionState().TLS
	material, err := state.ExportKeyingMaterial(repairLabel, nil, fec.ExportBytes)
	if err != nil {
		logger.Warn("losses are not repaired", "err", err)
		return
	}
	remote, ok := l.conn.RemoteAddr().(*net.UDPAddr)
	if !ok {
		return
	}
	repair, err := l.p.n.repair.Open(material, l.p.dials(), remote)
	if err != nil {
		logger.Warn("losses are not repaired", "err", err)
		return
	}
	l.repair.Store(repair)
	l.wg.Go(func() { l.observe(repair) })
}

// observe tells the repair what QUIC knows until the connection ends. QUIC sends to
// no address that it has not validated.
func (l *link) observe(repair *fec.Link) {
	defer repair.Close()
	ticker := time.NewTicker(observeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-l.conn.Context().Done():
			return
		}
		remote, ok := l.conn.RemoteAddr().(*net.UDPAddr)
		if !ok {
			return
		}
		now, all := l.conn.ConnectionStats(), l.traffic()
		repair.Observe(remote, fec.Path{
			RTT: now.SmoothedRTT, RTTMin: now.MinRTT, Sent: all.sentPackets, Lost: all.lostPackets,
			Alone: l.p.n.anyAway(), // Why: a commit may then hang on this one
		})
	}
}

// repaired adds what the repair of losses did to the link's figures.
func (l *link) repaired(out *transport.LinkStats) {
	repair := l.repair.Load()
	if repair == nil {
		return
	}
	now := repair.Stats()
	out.Repair, out.RepairLoss = transport.RepairQuiet, now.Loss
	if now.Active {
		out.Repair = transport.RepairActive
	}
	out.ParityPackets += now.Parity
	out.ParityBytes += now.ParityBytes
	out.CopyPackets += now.Copies
	out.CopyBytes += now.CopyBytes
	out.PathLostPackets += now.Lost
	out.RepairedPackets += now.Repaired
	out.RebuiltPackets += now.Rebuilt
}
