package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

// settledPause is how often a command that waits looks again.
const settledPause = 200 * time.Millisecond

// nodeMove is a command that changes a node's state.
type nodeMove struct {
	to   client.NodeState
	asks bool // it wants the node's ID repeated
	done string
	next string
}

func (p *Program) nodesPromoteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "promote NODE", Short: "Have a learner vote in all groups",
		Long: "Makes a node a voter. It votes in a group once it has caught up with it; nodes show tells in which it\n" +
			"does. Three voters survive one failure and five survive two; an even number survives no more than one less.",
		Example: "  wraftd nodes promote 4 --wait --timeout 5m",
	}
	return p.moveCommand(cmd, nodeMove{to: client.NodeVoter, done: "node %d is to vote in all groups\n", next: "next: wraftd nodes show %d\n"})
}

func (p *Program) nodesDemoteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "demote NODE", Short: "Have a voter vote no more; it keeps its replicas",
		Long: "Makes a voter a learner: it gets everything and votes in no group. What it leads it hands over first.\n" +
			"Refused where too few voters would be left that answer.",
		Example: "  wraftd nodes demote 4 --dry-run\n  wraftd nodes demote 4 --yes",
	}
	return p.moveCommand(cmd, nodeMove{to: client.NodeLearner, asks: true, done: "node %d is to vote no more\n", next: "next: wraftd nodes show %d\n"})
}

func (p *Program) nodesRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove NODE", Short: "Have a node leave the cluster for good",
		Long: "Has a node leave: it hands over what it leads, all groups remove it, one after the other, and it is\n" +
			"removed once none has a seat for it; nodes show lists those that do. A node that is down can be removed\n" +
			"as well. Refused where too few voters would be left that answer. The node's ID has to be repeated on\n" +
			"standard input, unless --yes is given. Its process ends then, with exit code 7, also when it is started again; to take the\n" +
			"machine back, empty its data directory and add it again.",
		Example: "  wraftd nodes remove 4 --dry-run\n  wraftd nodes remove 4 --yes --wait",
	}
	return p.moveCommand(cmd, nodeMove{
		to: client.NodeLeaving, asks: true, done: "node %d leaves\n", next: "next: wraftd nodes show %d, until it is removed; its process ends then\n",
	})
}

// moveCommand completes a command that changes a node's state.
func (p *Program) moveCommand(cmd *cobra.Command, m nodeMove) *cobra.Command {
	cmd.Args = exactArgs("NODE")
	conn := p.connectFlags(cmd, callTimeout)
	f := cmd.Flags()
	dry := f.Bool("dry-run", false, "only show the effect on the quorum")
	wait := f.Bool("wait", false, "return once all groups have followed, within --timeout")
	accept, yes := new(bool), new(bool)
	if m.asks {
		f.BoolVar(accept, "accept-quorum-loss", false, "record it even if too few voters would be left that answer; groups follow once enough do")
		f.BoolVar(yes, "yes", false, "do not ask")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			id, err := parseNodeID(args[0])
			if err != nil {
				return err
			}
			change := client.NodeChange{State: m.to, AcceptQuorumLoss: *accept, DryRun: true}
			effect, err := cl.ChangeNode(ctx, id, change)
			if err != nil {
				return err
			}
			fmt.Fprintln(p.Stderr, effectWords(effect.Quorum))
			if *dry {
				return p.printMoved(cmd, effect)
			}
			if m.asks {
				if err := p.repeated(id.String(), *yes); err != nil {
					return err
				}
			}
			change.DryRun = false
			changed, err := cl.ChangeNode(ctx, id, change)
			if err != nil {
				return err
			}
			return p.finishMove(ctx, cmd, cl, m, changed, *wait)
		})
	}
	return cmd
}

// finishMove waits if it was told to, and says what comes next.
func (p *Program) finishMove(ctx context.Context, cmd *cobra.Command, cl *client.Client, m nodeMove, changed client.NodeChanged, wait bool) error {
	fmt.Fprintf(p.Stderr, m.done, changed.Node.ID)
	if wait && !changed.Node.Settled() {
		now, err := awaitNode(ctx, cl, changed.Node.ID, func(_ client.ClusterInfo, n client.NodeInfo) bool { return n.Settled() })
		if err != nil {
			return client.NewProblem(client.CodeNodePending, "node %d is still %s in %s", changed.Node.ID, now.State, ofGroups(now.Holds))
		}
		changed.Node = now
	}
	if err := p.printMoved(cmd, changed); err != nil {
		return err
	}
	if !changed.Node.Settled() {
		fmt.Fprintf(p.Stderr, m.next, changed.Node.ID)
	}
	return nil
}

func (p *Program) printMoved(cmd *cobra.Command, changed client.NodeChanged) error {
	return p.print(cmd, nodesView([]client.NodeInfo{changed.Node}, changed))
}

// effectWords is the effect on the quorum in one line.
func effectWords(e client.QuorumEffect) string {
	text := fmt.Sprintf("%d voters -> %d, tolerates %d failures", e.VotersBefore, e.VotersAfter, e.ToleratesAfter)
	if e.ToleratesAfter == 1 {
		text = fmt.Sprintf("%d voters -> %d, tolerates 1 failure", e.VotersBefore, e.VotersAfter)
	}
	if e.There < e.VotersAfter {
		text += fmt.Sprintf("; %d of the %d answer and vote in all groups now", e.There, e.VotersAfter)
	}
	return text
}
