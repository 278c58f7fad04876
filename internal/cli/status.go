package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

func (p *Program) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the cluster, and what to do when something is wrong",
		Long: "Shows nodes and machines as the node asked sees them, and the next thing to do. With -o wide also its\n" +
			"links to the others: round trips, losses before and after the repair, and what that costs.",
		Args: exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			return p.printStatus(cmd, info)
		})
	}
	return cmd
}

// printStatus is the only command with two tables; each has a line of its own kind.
func (p *Program) printStatus(cmd *cobra.Command, info client.ClusterInfo) error {
	var names []string
	for _, n := range present(info) {
		names = append(names, "node/"+n.ID.String())
	}
	for _, g := range info.Groups {
		if g.Machine != "" {
			names = append(names, "machine/"+g.Machine)
		}
	}
	if outputOf(cmd) != formatTable {
		return p.print(cmd, view{value: info, names: names})
	}
	fmt.Fprintf(p.Stdout, "cluster %s, as node %d sees it\n\n", dash(info.Cluster), info.ServedBy)
	p.printTable([]string{"node", "name", "state", "role", "up", "rtt", "memory", "region", "api", "peer"}, nodeRows(info))
	fmt.Fprintln(p.Stdout)
	if wideOf(cmd) {
		p.printTable(append([]string{"link to"}, linkHeader...), linkRows(info))
		fmt.Fprintln(p.Stdout)
	}
	p.printTable([]string{"group", "machine", "leader", "term", "commit", "applied", "state"}, groupRows(info))
	fmt.Fprintln(p.Stdout, "\n"+advice(info))
	return nil
}

// present are the nodes that are not removed.
func present(info client.ClusterInfo) []client.NodeInfo {
	return slices.DeleteFunc(slices.Clone(info.Nodes), func(n client.NodeInfo) bool { return n.State == client.NodeRemoved })
}

// voters are the nodes that count for a majority.
func voters(info client.ClusterInfo) []client.NodeInfo {
	return slices.DeleteFunc(slices.Clone(info.Nodes), func(n client.NodeInfo) bool { return n.State != client.NodeVoter })
}

func nodeRows(info client.ClusterInfo) [][]any {
	var rows [][]any
	for _, n := range present(info) {
		rtt := dash(roundTrip(n))
		if n.Loss > 0 {
			rtt += fmt.Sprintf(", loses %.1f%%", 100*n.Loss)
		}
		rows = append(rows, []any{n.ID.String(), n.Name, dash(string(n.State)), dash(n.Role), upWord(n), rtt, memoryOf(n), dash(n.Region), n.API, n.Peer})
	}
	return rows
}

// badDisk returns a node whose disk does not work as it should, or nil.
func badDisk(info client.ClusterInfo) *client.NodeInfo {
	for i := range info.Nodes {
		if info.Nodes[i].Disk != "" {
			return &info.Nodes[i]
		}
	}
	return nil
}

// memoryOf is what a node's machines count for, of what it has for them.
func memoryOf(n client.NodeInfo) string {
	if n.MemoryBudget == 0 {
		return "-"
	}
	return fmt.Sprintf("%s/%s", inMiB(n.MemoryUsed), inMiB(n.MemoryBudget))
}

func inMiB(bytes uint64) string {
	return (nodeconfig.Size(bytes) / nodeconfig.MiB * nodeconfig.MiB).String()
}

func groupRows(info client.ClusterInfo) [][]any {
	var rows [][]any
	for _, g := range info.Groups {
		rows = append(rows, []any{g.Group.String(), groupName(g.Machine), dash(g.Leader.String()), g.Term, g.Commit, g.Applied, dash(string(g.State))})
	}
	return rows
}

// advice is the next thing to do: the worst problem first.
func advice(info client.ClusterInfo) string {
	nodes := voters(info)
	up, quorum := 0, len(nodes)/2+1
	var down *client.NodeInfo
	for i, n := range nodes {
		if n.Up {
			up++
		} else if down == nil {
			down = &nodes[i]
		}
	}
	switch {
	case up < quorum:
		return fmt.Sprintf("next: start more nodes, such as node %d (%s): %d of %d are up as node %d sees it, and %d are needed for anything to be written",
			down.ID, down.Peer, up, len(nodes), info.ServedBy, quorum)
	case len(info.Groups) == 0 || info.Groups[0].Leader == 0:
		return "next: ask again; the meta group has no leader at the moment. If it lasts, check that nodes reach each other over UDP"
	}
	for _, g := range info.Groups {
		switch {
		case g.State == client.MachineHalted:
			return fmt.Sprintf("next: machine %s is halted on node %d: %s", g.Machine, info.ServedBy, g.StateReason)
		case g.Leader == 0:
			return fmt.Sprintf("next: ask again; machine %s has no leader at the moment", g.Machine)
		}
	}
	switch bad := badDisk(info); {
	case bad != nil && bad.Disk == client.DiskFull:
		return fmt.Sprintf("next: free space on the disk of node %d (%s): it takes no commands until it has room, and goes on by itself then", bad.ID, bad.Peer)
	case bad != nil:
		return fmt.Sprintf("next: look at the disk of node %d (%s): writes take too long there, it leads nothing until they do not", bad.ID, bad.Peer)
	case down != nil:
		return fmt.Sprintf("next: start node %d (%s); %d of %d nodes are up, %d more may fail", down.ID, down.Peer, up, len(nodes), up-quorum)
	case len(info.Groups) == 1:
		return "next: deploy a machine with: wraftd deploy FILE"
	default:
		return fmt.Sprintf("all is well: %d of %d nodes are up, %d may fail", up, len(nodes), up-quorum)
	}
}
