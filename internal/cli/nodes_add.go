package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
)

func (p *Program) nodesAddCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "add ID=PEER/API[/REGION]", Short: "Add a node to the running cluster",
		Long: "Makes a node known to the cluster and writes what it needs into a folder: a certificate of the\n" +
			"cluster's authority and wraft.yaml. Copy that folder to the new machine and run the node there. It gets\n" +
			"a replica of every group as a learner; promote it when it shall vote.\n\n" +
			"PEER (UDP) and API (TCP) are host:port addresses that other nodes dial. Without --ca-dir nothing is\n" +
			"written, for who keeps certificates elsewhere. Adding the same node again changes nothing in the cluster.",
		Example: "  wraftd nodes add 4=10.0.0.4:7444/10.0.0.4:7443 --ca-dir cluster/ca --out node-4\n  wraftd nodes promote 4 --wait",
		Args:    exactArgs("ID=PEER/API"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	caDir := cmd.Flags().String("ca-dir", "", "folder with ca.crt and ca.key, to issue the node's certificate")
	out := cmd.Flags().String("out", "", "folder to write for the node (default node-ID)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := bootstrap.ParseNode(args[0])
		if err != nil {
			return usage("%v", err)
		}
		dir := *out
		switch {
		case dir != "" && *caDir == "":
			return usage("--out needs --ca-dir, the folder with the authority that issues the node's certificate")
		case dir == "":
			dir = bootstrap.NodeDir(n.ID)
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			if *caDir != "" {
				if err := writeJoiner(info, n, dir, *caDir, p); err != nil {
					return err
				}
			}
			added, created, err := cl.AddNode(ctx, client.NodeSpec{ID: n.ID, Peer: n.Peer, API: n.API, Region: n.Region})
			if err != nil {
				return err
			}
			return p.printAdded(cmd, added, created, dir, *caDir != "")
		})
	}
	return cmd
}

// writeJoiner writes the node's folder, unless an earlier try of the same did. Why before
// the node is added: what cannot be written should change nothing.
func writeJoiner(info client.ClusterInfo, n nodeconfig.Node, dir, caDir string, p *Program) error {
	if have, err := loadConfig(filepath.Join(dir, bootstrap.ConfigFile), nil, nil); err == nil {
		if self, _ := have.Self(); have.Join && have.Cluster == info.Cluster && self == n {
			fmt.Fprintf(p.Stderr, "%s is there already and describes the same node; it is kept\n", dir)
			return nil
		}
	}
	j := bootstrap.Joiner{Cluster: info.Cluster, Node: n}
	for _, o := range info.Nodes {
		if o.ID == n.ID && o.State != client.NodeRemoved && (o.Peer != n.Peer || o.API != n.API) {
			return client.NewProblem(client.CodeNodeConflict, "node %d is a %s at %s", o.ID, o.State, o.Peer)
		}
		if o.ID != n.ID && o.State == client.NodeVoter {
			j.Others = append(j.Others, nodeconfig.Node{ID: o.ID, Peer: o.Peer, API: o.API, Region: o.Region})
		}
	}
	if _, err := os.Stat(caDir); errors.Is(err, fs.ErrNotExist) {
		return client.NewProblem(client.CodeLocalFile, "--ca-dir: %v", err).WithCause(err)
	}
	return j.Write(dir, caDir, p.Now())
}

func (p *Program) printAdded(cmd *cobra.Command, n client.NodeInfo, created bool, dir string, wrote bool) error {
	v := nodesView([]client.NodeInfo{n}, n)
	if err := p.print(cmd, v); err != nil {
		return err
	}
	word := "added node %d as a learner\n"
	if !created {
		word = "node %d is there already\n"
	}
	fmt.Fprintf(p.Stderr, word, n.ID)
	if wrote {
		fmt.Fprintf(p.Stderr, "next: copy %s to its machine and there: wraftd run --config %s\n", dir, bootstrap.ConfigFile)
	} else {
		fmt.Fprintln(p.Stderr, "next: run it with a certificate of the cluster's authority and `join: true` in its configuration")
	}
	fmt.Fprintf(p.Stderr, "then: wraftd nodes promote %d --wait\n", n.ID)
	return nil
}
