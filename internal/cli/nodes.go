package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

func (p *Program) nodesCommand() *cobra.Command {
	return group("nodes", "List, add, join, promote, demote, drain, remove and replace nodes", p.nodesListCommand(), p.nodesShowCommand(), p.nodesAddCommand(), p.nodesJoinCommand(),
		p.nodesPromoteCommand(), p.nodesDemoteCommand(), p.nodesDrainCommand(), p.nodesRemoveCommand(), p.nodesReplaceCommand())
}

func (p *Program) nodesListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List all nodes, as the node asked sees them",
		Long: "Lists all nodes. A voter votes in all groups, a learner gets their logs and votes in none, and one that\n" +
			"is leaving is gone once no group has a seat for it. life counts a node's lives with a fresh disk.",
		Args: exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			return p.print(cmd, nodesView(info.Nodes, map[string]any{"nodes": info.Nodes}))
		})
	}
	return cmd
}

// nodesView is a table of nodes.
func nodesView(nodes []client.NodeInfo, value any) view {
	v := view{
		value:  value,
		header: []string{"node", "state", "role", "up", "life", "votes in", "holds", "region", "api", "peer"},
		wide:   append([]string{"memory", "disk", "level"}, linkHeader...),
	}
	for _, n := range nodes {
		v.names = append(v.names, n.ID.String())
		v.rows = append(v.rows, []any{
			n.ID.String(), dash(string(n.State)), dash(n.Role), upWord(n), dash(strconv.Itoa(int(n.Incarnation))), ofGroups(n.Votes), ofGroups(n.Holds),
			dash(n.Region), dash(n.API), dash(n.Peer),
		})
		v.wideRows = append(v.wideRows, append([]any{memoryOf(n), dash(n.Disk), dash(strconv.Itoa(int(n.FeatureLevel)))}, linkCells(n)...))
	}
	return v
}

// ofGroups counts groups: names of them are many.
func ofGroups(groups []client.GroupID) string {
	if len(groups) == 1 {
		return "1 group"
	}
	return fmt.Sprintf("%d groups", len(groups))
}

// upWord says whether a node can be reached from the one that answers, and if not, why.
func upWord(n client.NodeInfo) string {
	if n.Up || n.Down == "" || n.State == client.NodeRemoved {
		return yesNo(n.Up)
	}
	return yesNo(n.Up) + ", " + n.Down
}

func roundTrip(n client.NodeInfo) string {
	if n.RTT == 0 {
		return ""
	}
	return n.RTT.Round(10 * time.Microsecond).String()
}

func (p *Program) nodesShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NODE", Short: "Show one node, and which groups have to follow yet",
		Long: "Shows one node and in which groups it has a seat. A node that leaves is removed once none is left; a\n" +
			"learner that is promoted votes in a group once it has caught up with it.",
		Example: "  wraftd nodes show 4\n  wraftd nodes show 4 -o json",
		Args:    exactArgs("NODE"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, n, err := findNode(ctx, cl, args[0])
			if err != nil {
				return err
			}
			return p.print(cmd, view{value: n, rows: nodeFacts(info, n), names: []string{n.ID.String()}})
		})
	}
	return cmd
}

// nodeFacts is one line per fact.
func nodeFacts(info client.ClusterInfo, n client.NodeInfo) [][]any {
	rows := [][]any{
		{"node", n.ID.String()}, {"state", dash(string(n.State))}, {"role", dash(n.Role)}, {"up", upWord(n)},
		{"life", dash(strconv.Itoa(int(n.Incarnation)))}, {"votes in", groupNames(info, n.Votes)}, {"learner in", groupNames(info, n.Learns)},
		{"still held by", groupNames(info, unsettled(n))}, {"peer", n.Peer}, {"api", dash(n.API)}, {"region", dash(n.Region)},
		{"memory", memoryOf(n)}, {"feature level", dash(strconv.Itoa(int(n.FeatureLevel)))},
	}
	if len(n.Lacks) > 0 {
		rows = append(rows, []any{"no seat yet in", groupNames(info, n.Lacks)})
	}
	if n.Disk != "" {
		rows = append(rows, []any{"disk", n.Disk})
	}
	if n.Link != nil {
		for i, cell := range linkCells(n) {
			rows = append(rows, []any{linkHeader[i], cell})
		}
	}
	return rows
}

// unsettled are the groups that a node which leaves has to be removed from yet.
func unsettled(n client.NodeInfo) []client.GroupID {
	if n.State == client.NodeLeaving {
		return n.Holds
	}
	return nil
}

// groupNames names groups by their machines.
func groupNames(info client.ClusterInfo, groups []client.GroupID) string {
	var names []string
	for _, id := range groups {
		name := "group " + id.String()
		for _, g := range info.Groups {
			switch {
			case g.Group == id && g.Machine == "":
				name = "(meta)"
			case g.Group == id:
				name = g.Machine
			}
		}
		names = append(names, name)
	}
	return dash(strings.Join(names, ", "))
}

// findNode asks for the cluster and picks a node of it.
func findNode(ctx context.Context, cl *client.Client, text string) (client.ClusterInfo, client.NodeInfo, error) {
	id, err := parseNodeID(text)
	if err != nil {
		return client.ClusterInfo{}, client.NodeInfo{}, err
	}
	info, err := cl.Cluster(ctx)
	if err != nil {
		return info, client.NodeInfo{}, err
	}
	if n, known := nodeOf(info, id); known {
		return info, n, nil
	}
	return info, client.NodeInfo{}, client.NewProblem(client.CodeUnknownNode, "cluster %s has no node %d", info.Cluster, id)
}

// parseNodeID reads 4 or, as logs name nodes, n4.
func parseNodeID(text string) (client.NodeID, error) {
	id, err := strconv.ParseUint(strings.TrimPrefix(text, "n"), 10, 64)
	if err != nil || id == 0 {
		return 0, usage("%q is not the ID of a node: use a number of 1 or more", text)
	}
	return client.NodeID(id), nil
}
