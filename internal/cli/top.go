package cli

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/scrape"
	"github.com/wraft/wraft/internal/top"
)

// topEvery is the usual time between two looks, topEveryMin the shortest.
const (
	topEvery    = 2 * time.Second
	topEveryMin = 100 * time.Millisecond
)

func (p *Program) topCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch nodes, machines and links live",
		Long: "Shows the cluster in the terminal and asks all nodes anew every two seconds: requests, syncs and bytes\n" +
			"a second at each node, entries a second and lag of each machine, round trips, losses and traffic of\n" +
			"each link. r asks at once, q ends it.",
		Example: "  wraftd top\n  wraftd top --every 500ms",
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	every := cmd.Flags().Duration("every", topEvery, "time between two looks")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *every < topEveryMin {
			return usage("--every %v: use %v or more", *every, topEveryMin)
		}
		in, ok := p.Stdin.(*os.File)
		if isTerminal, _ := p.terminal(p.Stdout); !isTerminal || !ok || !term.IsTerminal(int(in.Fd())) {
			return client.NewProblem(client.CodeUsage, "wraftd top needs a terminal").WithHint("Use wraftd status, or wraftd doctor -o json, for what other programs read.")
		}
		cl, err := p.client(cmd, conn)
		if err != nil {
			return err
		}
		defer cl.Close()
		nodes := &nodeClients{dial: conn.toNode, open: map[string]*client.Client{}}
		defer nodes.close()
		return top.Run(cmd.Context(), top.Options{
			In: p.Stdin, Out: p.Stdout, Environ: p.Environ, Every: *every,
			Look: func(ctx context.Context) top.Reading { return look(ctx, conn.timeout, cl, nodes) },
		})
	}
	return cmd
}

// look asks the cluster, and all its nodes at once for their metrics.
func look(ctx context.Context, timeout time.Duration, cl *client.Client, nodes *nodeClients) top.Reading {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := top.Reading{Metrics: map[client.NodeID]scrape.Samples{}}
	r.Info, r.Err = cl.Cluster(ctx)
	pages := make([]client.Page, len(r.Info.Nodes))
	var asked sync.WaitGroup
	for i, n := range r.Info.Nodes {
		if n.State == client.NodeRemoved {
			continue
		}
		if one, err := nodes.to(n.API); err == nil {
			asked.Go(func() { pages[i], _ = one.Page(ctx, "/metrics", "") }) // a node that does not answer has no numbers
		}
	}
	asked.Wait()
	for i, n := range r.Info.Nodes {
		if len(pages[i].Body) > 0 {
			r.Metrics[n.ID] = scrape.Parse(string(pages[i].Body))
		}
	}
	r.At = time.Now()
	return r
}

// nodeClients keeps a client for each node, so that a look makes no new connections.
type nodeClients struct {
	dial func(address string) (*client.Client, error)
	open map[string]*client.Client
}

func (n *nodeClients) to(address string) (*client.Client, error) {
	if cl := n.open[address]; cl != nil {
		return cl, nil
	}
	cl, err := n.dial(address)
	if err == nil {
		n.open[address] = cl
	}
	return cl, err
}

func (n *nodeClients) close() {
	for _, cl := range n.open {
		cl.Close()
	}
}
