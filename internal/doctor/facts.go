package doctor

import (
	"context"
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/scrape"
)

// Facts are what was found out.
type Facts struct {
	// Cluster is what the node said that was asked first.
	Cluster client.ClusterInfo
	// Nodes are all that are not removed, ascending by ID.
	Nodes []Node
	// Certificates are those that the user shows and trusts.
	Certificates []Certificate
	// Host is the machine that the doctor runs on.
	Host Host
	// Now is the time there.
	Now time.Time
}

// Node is what one node said of itself, and of the others.
type Node struct {
	client.NodeInfo
	// Err is why it did not answer; nothing below counts then.
	Err error
	// Info is the cluster as it sees it.
	Info client.ClusterInfo
	// NotReady is what its readiness checks complain about, nil when it is ready.
	NotReady error
	Metrics  scrape.Samples
	// Ahead is how far its clock is ahead of the one here: between From and To.
	Ahead Span
}

// Span is a duration that is known to lie between two others. Known is false when nothing is.
type Span struct {
	From, To time.Duration
	Known    bool
}

// Certificate is one of the user's own.
type Certificate struct {
	File string
	Cert *x509.Certificate
}

// Dial makes a client of one node's address that asks nobody else. The doctor closes it.
type Dial func(address string) (*client.Client, error)

// Ask asks all nodes of a cluster at once. now is the clock of this machine.
func Ask(ctx context.Context, info client.ClusterInfo, dial Dial, now func() time.Time) []Node {
	var nodes []Node
	for _, n := range info.Nodes {
		if n.State != client.NodeRemoved {
			nodes = append(nodes, Node{NodeInfo: n})
		}
	}
	var asked sync.WaitGroup
	for i := range nodes {
		asked.Go(func() { nodes[i].ask(ctx, dial, now) })
	}
	asked.Wait()
	slices.SortFunc(nodes, func(a, b Node) int { return int(a.ID) - int(b.ID) })
	return nodes
}

func (n *Node) ask(ctx context.Context, dial Dial, now func() time.Time) {
	cl, err := dial(n.API)
	if err != nil {
		n.Err = err
		return
	}
	defer cl.Close()
	if n.Info, n.Err = cl.Cluster(ctx); n.Err != nil {
		return
	}
	_, n.NotReady = cl.Page(ctx, "/readyz", "")
	asked := now()
	page, err := cl.Page(ctx, "/metrics", "")
	if err != nil {
		n.Err = err
		return
	}
	n.Metrics = scrape.Parse(string(page.Body))
	n.Ahead = ahead(page.Time, asked, now())
}

// ahead bounds how far a clock is ahead that said a whole second between two moments here.
func ahead(said, asked, answered time.Time) Span {
	if said.IsZero() {
		return Span{}
	}
	return Span{From: said.Sub(answered), To: said.Add(time.Second).Sub(asked), Known: true}
}

// answering are the nodes that answered.
func (f Facts) answering() []Node {
	return slices.DeleteFunc(slices.Clone(f.Nodes), func(n Node) bool { return n.Err != nil })
}

// silent reports whether a node is known and did not answer.
func (f Facts) silent(id client.NodeID) bool {
	return slices.ContainsFunc(f.Nodes, func(n Node) bool { return n.ID == id && n.Err != nil })
}
