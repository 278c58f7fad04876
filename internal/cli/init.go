package cli

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/contexts"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/pki"
)

func (p *Program) initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init --dir DIR --nodes NODES",
		Short: "Write certificates and configurations for a new cluster",
		Long: "Writes everything the initial nodes of a new cluster need: an authority (DIR/ca), a folder per\n" +
			"node with its certificate and wraft.yaml (DIR/node-1, ...), and a certificate for you (DIR/client).\n" +
			"Nothing is ever overwritten: where a cluster was written before, init is refused.\n\n" +
			"NODES are ID=PEER/API or ID=PEER/API/REGION with host:port addresses, PEER for other nodes (UDP) and\n" +
			"API for clients (TCP), with commas or repeated; or a number of nodes on this machine.",
		Example: "  wraftd init --dir cluster --nodes 3\n" +
			"  wraftd init --dir cluster --cluster orders \\\n" +
			"    --nodes 1=10.0.0.1:7444/10.0.0.1:7443,2=10.0.0.2:7444/10.0.0.2:7443,3=10.0.0.3:7444/10.0.0.3:7443",
		Args: exactArgs(),
	}
	f := cmd.Flags()
	dir := f.String("dir", "", "folder to write to (required)")
	name := f.String("cluster", "wraft", "name of the cluster")
	nodes := f.StringSlice("nodes", nil, "the nodes, or their number (required)")
	host := f.String("host", "127.0.0.1", "host of all nodes, when --nodes is a number")
	basePort := f.Int("base-port", 7443, "API port of the first node, when --nodes is a number; its peers use the next")
	context := f.String("context", "", "also add a context of this name, with the certificate for you, and use it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *dir == "" {
			return usage("--dir is missing: name the folder to write to")
		}
		list, err := plannedNodes(*nodes, *host, *basePort)
		if err != nil {
			return err
		}
		added := plannedContext(*context, *dir, list)
		if err := p.contextIsFree(added); err != nil {
			return err
		}
		plan := bootstrap.Plan{Cluster: *name, Nodes: list}
		if err := plan.Write(*dir, p.Now()); err != nil {
			return err
		}
		if *context != "" {
			if err := p.addContext(&added, true); err != nil {
				return err
			}
		}
		return p.printPlan(cmd, *dir, plan)
	}
	return cmd
}

// plannedNodes reads --nodes.
func plannedNodes(given []string, host string, basePort int) ([]nodeconfig.Node, error) {
	if len(given) == 0 {
		return nil, usage("--nodes is missing: list the nodes as ID=PEER/API, or say how many run on this machine")
	}
	if n, err := strconv.Atoi(given[0]); err == nil && len(given) == 1 {
		list, err := bootstrap.LocalNodes(n, host, basePort)
		if err != nil {
			return nil, usage("--nodes: %v", err)
		}
		return list, nil
	}
	var list []nodeconfig.Node
	for _, text := range given {
		n, err := bootstrap.ParseNode(text)
		if err != nil {
			return nil, usage("--nodes: %v", err)
		}
		list = append(list, n)
	}
	return list, nil
}

// plannedContext is how to reach the new cluster.
func plannedContext(name, dir string, nodes []nodeconfig.Node) contexts.Context {
	file := func(name string) string { return filepath.Join(dir, bootstrap.ClientDir, name) }
	c := contexts.Context{Name: name, CA: file(pki.AuthorityCertFile), Cert: file(bootstrap.AdminName + ".crt"), Key: file(bootstrap.AdminName + ".key")}
	for _, n := range nodes {
		c.Servers = append(c.Servers, n.API)
	}
	return c
}

// planned is what init wrote, for -o json.
type planned struct {
	Cluster string        `json:"cluster"`
	Dir     string        `json:"dir"`
	Nodes   []plannedNode `json:"nodes"`
}

type plannedNode struct {
	ID     client.NodeID `json:"id"`
	Peer   string        `json:"peer"`
	API    string        `json:"api"`
	Config string        `json:"config"`
}

func (p *Program) printPlan(cmd *cobra.Command, dir string, plan bootstrap.Plan) error {
	out := planned{Cluster: plan.Cluster, Dir: dir}
	v := view{header: []string{"node", "api", "peer", "configuration"}}
	for _, n := range plan.Nodes {
		file := filepath.Join(dir, bootstrap.NodeDir(n.ID), bootstrap.ConfigFile)
		out.Nodes = append(out.Nodes, plannedNode{n.ID, n.Peer, n.API, file})
		v.rows = append(v.rows, []any{n.ID.String(), n.API, n.Peer, file})
		v.names = append(v.names, file)
	}
	v.value = out
	if err := p.print(cmd, v); err != nil {
		return err
	}
	fmt.Fprintf(p.Stderr, "wrote cluster %s to %s; keep %s safe\nnext: copy each node's folder to its machine and there: wraftd run --config %s\n",
		plan.Cluster, dir, filepath.Join(dir, bootstrap.AuthorityDir), bootstrap.ConfigFile)
	return nil
}
