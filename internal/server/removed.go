package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
	"github.com/wraft/wraft/raft"
)

const (
	// lonelyPause is how often a node that hears of no leader asks others why.
	lonelyPause = 3 * time.Second
	// lonelyTimeout bounds one such question.
	lonelyTimeout = 5 * time.Second
)

// lonely asks the others whether this node is removed, while it hears of no leader, and
// otherwise who is in the cluster. Why over the API: nodes take no connections of one that
// is removed, so that it disturbs nobody, and so it would never learn why; and a node
// without a catalogue takes none of a leader that it does not know.
type lonely struct {
	node *node.Node
	self client.NodeID
	// others are API addresses that the configuration names.
	others []string
	tls    func() *tls.Config
	log    *slog.Logger
}

func newLonely(n *node.Node, cfg Config, id *identity, log *slog.Logger) *lonely {
	l := &lonely{
		node: n, self: cfg.Node, log: log,
		tls: id.clientTLS,
	}
	for _, o := range cfg.Nodes {
		if o.ID != cfg.Node && o.API != "" {
			l.others = append(l.others, o.API)
		}
	}
	return l
}

// run asks until ctx ends or the node is known to be removed.
func (l *lonely) run(ctx context.Context) {
	ticker := time.NewTicker(lonelyPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.node.Failed():
			return
		case <-ticker.C:
		}
		if !l.alone() {
			continue
		}
		info, err := l.ask(ctx)
		switch {
		case l.over(info):
			l.log.Error("the cluster has removed this node, it ends", "node", uint64(l.self))
			l.node.Removed()
			return
		case err != nil:
			l.log.Debug("nobody says why this node hears of no leader", "err", err)
		default:
			l.node.Meet(recordsOf(info))
		}
	}
}

// alone reports whether this node has a life and hears of no leader, or of nobody at all.
func (l *lonely) alone() bool {
	if l.node.Life() == 0 {
		return false
	}
	for _, link := range l.node.Links() {
		if link.Up {
			return l.node.Leader(node.MetaGroup) == 0
		}
	}
	return true
}

// ask has any other node say who is in the cluster.
func (l *lonely) ask(ctx context.Context) (info client.ClusterInfo, err error) {
	var addresses []string
	for _, n := range l.node.Catalogue().Nodes {
		if n.ID != raft.NodeID(l.self) && n.State != node.NodeRemoved && n.APIAddress != "" {
			addresses = append(addresses, n.APIAddress)
		}
	}
	if addresses = append(addresses, l.others...); len(addresses) == 0 {
		return info, errors.New("server: there is no other node")
	}
	ctx, cancel := context.WithTimeout(ctx, lonelyTimeout)
	defer cancel()
	cl, err := client.New(client.Config{Endpoints: addresses, TLS: l.tls(), Timeout: lonelyTimeout})
	if err != nil {
		return info, err
	}
	defer cl.Close()
	return cl.Cluster(ctx)
}

// over reports whether this node's life is over, as another one says.
func (l *lonely) over(info client.ClusterInfo) bool {
	i := slices.IndexFunc(info.Nodes, func(n client.NodeInfo) bool { return n.ID == l.self })
	return i >= 0 && info.Nodes[i].Over(uint32(l.node.Life()))
}

// recordsOf are the nodes of an answer that are in the cluster.
func recordsOf(info client.ClusterInfo) (out []node.NodeRecord) {
	for _, n := range info.Nodes {
		if n.State != client.NodeRemoved {
			out = append(out, node.NodeRecord{ID: raft.NodeID(n.ID), PeerAddress: n.Peer, APIAddress: n.API})
		}
	}
	return out
}
