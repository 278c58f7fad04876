package wan

import (
	"context"
	"fmt"
	"strings"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/metric"
)

// Link is what a node did on its way to another within a time, by its own metrics.
type Link struct {
	From, To client.NodeID
	// Packets are those of QUIC, Parity those beside them.
	Packets, Parity float64
	// Fell did not arrive by themselves, of which Repaired were rebuilt. Both are
	// counted only while losses are repaired.
	Fell, Repaired float64
	// Again is what QUIC took for lost, after repair.
	Again float64
}

// ParityShare is that of all packets.
func (l Link) ParityShare() float64 { return l.Parity / max(1, l.Packets+l.Parity) }

// String is a line for people.
func (l Link) String() string {
	return fmt.Sprintf("link %d->%d: packets=%.0f parity=%.0f (%.2f%%) fell=%.0f (%.2f%%) repaired=%.0f quic_lost=%.0f",
		l.From, l.To, l.Packets, l.Parity, 100*l.ParityShare(), l.Fell, 100*l.Fell/max(1, l.Packets), l.Repaired, l.Again)
}

// minus is what came since an earlier look.
func (l Link) minus(o Link) Link {
	l.Packets, l.Parity, l.Fell, l.Repaired, l.Again = l.Packets-o.Packets, l.Parity-o.Parity, l.Fell-o.Fell, l.Repaired-o.Repaired, l.Again-o.Again
	return l
}

// figures are what the nodes say of themselves at one moment.
type figures struct {
	links []Link
	terms float64 // of all groups on the first node, added up
}

// look reads the metrics of all running nodes.
func look(ctx context.Context, c *cluster.Cluster) (f figures, err error) {
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		m, err := n.Metrics(ctx)
		if err != nil {
			return f, err
		}
		for _, other := range c.Nodes {
			if other != n {
				f.links = append(f.links, linkOf(m, n.ID, other.ID))
			}
		}
		if n == c.Nodes[0] {
			f.terms = termsOf(m)
		}
	}
	return f, nil
}

func linkOf(m map[string]float64, from, to client.NodeID) Link {
	get := func(name string) float64 { return m[fmt.Sprintf("%s{peer=%q}", name, to.String())] }
	return Link{
		From: from, To: to, Packets: get(metric.LinkSentPacketsTotal), Parity: get(metric.LinkParityPacketsTotal),
		Fell: get(metric.LinkPathLostPacketsTotal), Repaired: get(metric.LinkRepairedPacketsTotal), Again: get(metric.LinkLostPacketsTotal),
	}
}

func termsOf(m map[string]float64) (sum float64) {
	for name, v := range m {
		if strings.HasPrefix(name, metric.RaftTerm+"{") {
			sum += v
		}
	}
	return sum
}

// minus is what came since an earlier look at the same nodes.
func (f figures) minus(o figures) figures {
	out := figures{terms: f.terms - o.terms}
	for i := range f.links {
		out.links = append(out.links, f.links[i].minus(o.links[i]))
	}
	return out
}
