package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

const (
	waitTimeout = time.Minute
	waitPause   = 100 * time.Millisecond
	// waitAnswerTime is how long one look may take.
	waitAnswerTime = nodeTimeout
)

func (p *Program) waitCommand() *cobra.Command {
	return group("wait", "Wait until something holds, for scripts", p.waitReadyCommand(), p.waitLeaderCommand(), p.waitMachineCommand(), p.waitNodeCommand())
}

// condition looks once. missing says what does not hold yet, "" when all does; then reached is
// what to print.
type condition func(ctx context.Context, cl *client.Client) (missing string, reached view, err error)

// waiting makes a command that waits for a condition.
func (p *Program) waiting(cmd *cobra.Command, until func(conn *connection, args []string) (condition, error)) *cobra.Command {
	conn := p.connectFlags(cmd, waitTimeout)
	cmd.Flag("timeout").Usage = "how long to wait; the exit code is 5 then"
	conn.extra = 2 * waitAnswerTime // Why: wait itself keeps the time
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		holds, err := until(conn, args)
		if err != nil {
			return err
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			v, err := wait(ctx, cl, conn.timeout, holds)
			if err != nil {
				return err
			}
			return p.print(cmd, v)
		})
	}
	return cmd
}

// wait looks until the condition holds or the time is over. A cluster that cannot be reached, or
// does not know a name, may yet; what the user has to mend ends the wait.
//
// Why the last look is let end: what it says is why the wait was in vain, and it takes
// waitAnswerTime at most.
func wait(ctx context.Context, cl *client.Client, timeout time.Duration, holds condition) (view, error) {
	begin := time.Now()
	for {
		look, cancel := context.WithTimeout(ctx, waitAnswerTime)
		missing, v, err := holds(look, cl)
		cancel()
		if err == nil && missing == "" {
			return v, nil
		}
		var problem *client.Problem
		if errors.As(err, &problem) {
			missing = problem.Title + ": " + problem.Detail
			if kind, _ := client.Lookup(problem.Code); kind.Exit == client.ExitTLS || kind.Exit == client.ExitUsage {
				return v, err
			}
		} else if err != nil {
			return v, err
		}
		left := timeout - time.Since(begin)
		if left <= 0 {
			return v, client.NewProblem(client.CodeTimeout, "after %v: %s", timeout, missing).WithHint("See what is wrong with: wraftd doctor")
		}
		select {
		case <-time.After(min(left, waitPause)):
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

func (p *Program) waitReadyCommand() *cobra.Command {
	return p.waiting(&cobra.Command{
		Use: "ready", Short: "Wait until the cluster is whole",
		Long: "Waits until all voters are up, as the node asked sees them, every group has a leader, and the\n" +
			"machines run on that node.",
		Example: "  wraftd wait ready --timeout 2m",
		Args:    exactArgs(),
	}, func(*connection, []string) (condition, error) {
		return func(ctx context.Context, cl *client.Client) (string, view, error) {
			info, err := cl.Cluster(ctx)
			return notReady(info), view{
				value: info, names: []string{info.Cluster},
				rows: [][]any{{"cluster", info.Cluster}, {"voters", len(voters(info))}, {"machines", max(len(info.Groups)-1, 0)}},
			}, err
		}, nil
	})
}

// notReady is the first thing that keeps a cluster from being whole.
func notReady(info client.ClusterInfo) string {
	for _, n := range voters(info) {
		if !n.Up {
			return fmt.Sprintf("node %d is not up, as node %d sees it", n.ID, info.ServedBy)
		}
	}
	for _, g := range info.Groups {
		switch {
		case g.Leader == 0:
			return groupName(g.Machine) + " has no leader"
		case g.State != client.MachineRunning:
			return fmt.Sprintf("machine %s is %s on node %d: %s", g.Machine, g.State, info.ServedBy, g.StateReason)
		}
	}
	if len(info.Groups) == 0 {
		return fmt.Sprintf("node %d does not know the groups yet", info.ServedBy)
	}
	return ""
}

func (p *Program) waitLeaderCommand() *cobra.Command {
	var of string
	cmd := &cobra.Command{
		Use: "leader [MACHINE]", Short: "Wait until a machine, or the meta group, has a leader",
		Example: "  wraftd wait leader counter -o name",
		Args:    atMostOneArg("MACHINE"),
	}
	return p.waiting(cmd, func(_ *connection, args []string) (condition, error) {
		if len(args) > 0 {
			of = args[0]
		}
		return func(ctx context.Context, cl *client.Client) (string, view, error) {
			info, err := cl.Cluster(ctx)
			for _, g := range info.Groups {
				if g.Machine == of && g.Leader != 0 {
					return "", view{value: g, names: []string{g.Leader.String()}, rows: [][]any{{"machine", groupName(g.Machine)}, {"leader", g.Leader.String()}, {"term", g.Term}}}, err
				}
			}
			return groupName(of) + " has no leader", view{}, err
		}, nil
	})
}

func (p *Program) waitMachineCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "machine MACHINE", Short: "Wait until a machine runs, and has applied an index",
		Long: "Waits until the machine runs on the node asked and has applied the log up to --index: what call prints\n" +
			"as index with -o json, say. With --server NODE that is one node's replica.",
		Example: "  wraftd wait machine counter --index 4096 --server https://10.0.0.2:7443",
		Args:    exactArgs("MACHINE"),
	}
	index := cmd.Flags().Uint64("index", 0, "the index to wait for (default: none)")
	return p.waiting(cmd, func(_ *connection, args []string) (condition, error) {
		if err := client.CheckMachineName(args[0]); err != nil {
			return nil, err
		}
		return func(ctx context.Context, cl *client.Client) (string, view, error) {
			m, err := cl.Machine(ctx, args[0], false)
			v := view{value: m, names: []string{m.Name}, rows: machineRows(m)}
			switch {
			case m.State != client.MachineRunning:
				return fmt.Sprintf("machine %s is %s: %s", args[0], m.State, m.StateReason), v, err
			case m.Applied < *index:
				return fmt.Sprintf("machine %s has applied %d, not %d", args[0], m.Applied, *index), v, err
			}
			return "", v, err
		}, nil
	})
}

func (p *Program) waitNodeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "node NODE", Short: "Wait until a node has caught up",
		Long: "Waits until all groups have the node as its state says (a promoted one votes in all of them), it\n" +
			"answers at its own address, and has applied there whatever the cluster had committed when the wait\n" +
			"began.",
		Example: "  wraftd wait node 4 --timeout 10m",
		Args:    exactArgs("NODE"),
	}
	return p.waiting(cmd, func(conn *connection, args []string) (condition, error) {
		id, err := parseNodeID(args[0])
		if err != nil {
			return nil, err
		}
		target := map[client.GroupID]uint64{}
		return func(ctx context.Context, cl *client.Client) (string, view, error) {
			_, n, err := findNode(ctx, cl, args[0])
			if err != nil {
				return "", view{}, err
			}
			if len(target) == 0 {
				info, err := cl.Cluster(ctx)
				if err != nil {
					return "", view{}, err
				}
				for _, g := range info.Groups {
					target[g.Group] = g.Commit
				}
			}
			if !n.Settled() {
				return fmt.Sprintf("not all groups have node %d as a %s yet", id, n.State), view{}, nil
			}
			missing, err := behind(ctx, conn, n, target)
			return missing, view{value: n, names: []string{id.String()}, rows: [][]any{{"node", id.String()}, {"state", string(n.State)}, {"groups", len(n.Holds)}}}, err
		}, nil
	})
}

// behind asks a node itself whether it has applied what was committed.
func behind(ctx context.Context, conn *connection, n client.NodeInfo, target map[client.GroupID]uint64) (string, error) {
	if n.State == client.NodeRemoved {
		return "", nil
	}
	own, err := conn.toNode(n.API)
	if err != nil {
		return "", err
	}
	defer own.Close()
	info, err := own.Cluster(ctx)
	if err != nil {
		return "", err
	}
	seen := map[client.GroupID]client.GroupInfo{}
	for _, g := range info.Groups {
		seen[g.Group] = g
	}
	for group, commit := range target {
		if g := seen[group]; g.Applied < commit {
			return fmt.Sprintf("node %d has applied %d of group %d, not %d", n.ID, g.Applied, group, commit), nil
		}
	}
	return "", nil
}
