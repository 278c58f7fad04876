package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bootstrap"
	"github.com/wraft/wraft/internal/nodeconfig"
)

// replaceTimeout is how long a new node usually may take to start and to get everything.
const replaceTimeout = 10 * time.Minute

// replacement is one node for another. Each step of it is looked up before it is done, so that
// a command that was broken off can be given again.
type replacement struct {
	old, new client.NodeID
	// adds is the new node where it is to be added, with an ID of 0 where it is there already.
	adds       nodeconfig.Node
	dir, caDir string
}

func (p *Program) nodesReplaceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "replace OLD (NEW | NEW=PEER/API[/REGION])", Short: "Have a new node take the place of one that is dead",
		Long: "Gives the place of a node to another one: adds that one where it is given with its addresses (with --ca-dir\n" +
			"its folder is written as by nodes add), has it vote, waits until it does in all groups, and only then has\n" +
			"the old one leave, and waits until no group has a seat for it. The new node has to be started meanwhile.\n" +
			"Before anything is changed the effect on the quorum is shown; OLD has to be repeated on standard input,\n" +
			"unless --yes is given. What is done already is not done again: broken off, give the same command again.",
		Example: "  wraftd nodes replace 3 4=10.0.0.4:7444/10.0.0.4:7443 --ca-dir cluster/ca --dry-run\n  wraftd nodes replace 3 4 --yes",
		Args:    exactArgs("OLD", "NEW"),
	}
	conn := p.connectFlags(cmd, replaceTimeout)
	f := cmd.Flags()
	dry := f.Bool("dry-run", false, "only show the effect on the quorum")
	yes := f.Bool("yes", false, "do not ask")
	r := new(replacement)
	f.StringVar(&r.caDir, "ca-dir", "", "folder with ca.crt and ca.key, to issue the new node's certificate")
	f.StringVar(&r.dir, "out", "", "folder to write for the new node (default node-ID)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := r.read(args[0], args[1]); err != nil {
			return err
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			words, err := r.effect(info)
			if err != nil {
				return err
			}
			fmt.Fprintln(p.Stderr, words)
			if *dry {
				return nil
			}
			if err := p.repeated(r.old.String(), *yes); err != nil {
				return err
			}
			return p.replace(ctx, cmd, cl, info, r)
		})
	}
	return cmd
}

// read reads OLD and NEW.
func (r *replacement) read(old, new string) (err error) {
	if r.old, err = parseNodeID(old); err != nil {
		return err
	}
	if strings.Contains(new, "=") {
		if r.adds, err = bootstrap.ParseNode(new); err != nil {
			return usage("%v", err)
		}
		r.new = r.adds.ID
	} else if r.new, err = parseNodeID(new); err != nil {
		return err
	}
	switch {
	case r.old == r.new:
		return usage("node %d cannot take its own place", r.old)
	case r.caDir == "" && r.dir != "":
		return usage("--out needs --ca-dir, the folder with the authority that issues the node's certificate")
	case r.caDir != "" && r.adds.ID == 0:
		return usage("--ca-dir is for a node that is added: give its addresses, NEW=PEER/API")
	case r.dir == "":
		r.dir = bootstrap.NodeDir(r.new)
	}
	return nil
}

// effect says what it does to the quorum, step by step.
func (r *replacement) effect(info client.ClusterInfo) (string, error) {
	old, known := nodeOf(info, r.old)
	if !known {
		return "", client.NewProblem(client.CodeUnknownNode, "cluster %s has no node %d", info.Cluster, r.old)
	}
	voters := 0
	for _, n := range info.Nodes {
		if n.State == client.NodeVoter {
			voters++
		}
	}
	both, after := voters, voters
	switch n, known := nodeOf(info, r.new); {
	case (!known || n.State == client.NodeRemoved) && r.adds.ID == 0:
		return "", client.NewProblem(client.CodeUnknownNode, "cluster %s has no node %d", info.Cluster, r.new).
			WithHint("Give its addresses to have it added: %d=PEER/API", r.new)
	case n.State == client.NodeLeaving:
		return "", client.NewProblem(client.CodeNodeConflict, "node %d is leaving", r.new)
	case n.State != client.NodeVoter:
		both++
	}
	if after = both; old.State == client.NodeVoter {
		after--
	}
	return fmt.Sprintf("node %d for node %d: %d voters -> %d, tolerates %d; then -> %d, tolerates %d", r.new, r.old,
		voters, both, tolerated(both), after, tolerated(after)), nil
}

// tolerated is how many of so many voters may fail.
func tolerated(voters int) int { return max(voters-1, 0) / 2 }

// replace does what is not done yet.
func (p *Program) replace(ctx context.Context, cmd *cobra.Command, cl *client.Client, info client.ClusterInfo, r *replacement) error {
	if err := p.haveVote(ctx, cl, info, r); err != nil {
		if old, _ := nodeOf(info, r.old); old.State != client.NodeLeaving && old.State != client.NodeRemoved { // else an earlier try got further
			fmt.Fprintf(p.Stderr, "node %d has kept its place\n", r.old)
		}
		return err
	}
	if _, err := cl.ChangeNode(ctx, r.old, client.NodeChange{State: client.NodeLeaving}); err != nil {
		return err
	}
	gone, err := awaitNode(ctx, cl, r.old, func(_ client.ClusterInfo, n client.NodeInfo) bool { return n.State == client.NodeRemoved })
	if err != nil {
		return client.NewProblem(client.CodeNodePending, "node %d is still %s in %s: %v", r.old, gone.State, ofGroups(gone.Holds), err)
	}
	fmt.Fprintf(p.Stderr, "node %d has taken the place of node %d, which is removed\n", r.new, r.old)
	return p.print(cmd, nodesView([]client.NodeInfo{gone}, map[string]any{"removed": gone, "by": r.new}))
}

// haveVote adds the new node, if it is to be, and returns once it votes.
func (p *Program) haveVote(ctx context.Context, cl *client.Client, info client.ClusterInfo, r *replacement) error {
	if err := p.addReplacement(ctx, cl, info, r); err != nil {
		return err
	}
	if _, err := cl.ChangeNode(ctx, r.new, client.NodeChange{State: client.NodeVoter}); err != nil {
		return err
	}
	fmt.Fprintf(p.Stderr, "node %d is to vote; waiting until it does in all groups\n", r.new)
	votes := func(info client.ClusterInfo, n client.NodeInfo) bool { return len(n.Votes) == len(info.Groups) }
	if _, err := awaitNode(ctx, cl, r.new, votes); err != nil {
		return client.NewProblem(client.CodeNodePending, "node %d does not vote in all groups yet: %v", r.new, err).
			WithHint("See that it runs, then give the same command again; nodes show %d says what is missing.", r.new)
	}
	return nil
}

// addReplacement adds the new node where its addresses are given.
func (p *Program) addReplacement(ctx context.Context, cl *client.Client, info client.ClusterInfo, r *replacement) error {
	if r.adds.ID == 0 {
		return nil
	}
	if r.caDir != "" {
		if err := writeJoiner(info, r.adds, r.dir, r.caDir, p); err != nil {
			return err
		}
	}
	if _, _, err := cl.AddNode(ctx, client.NodeSpec{ID: r.adds.ID, Peer: r.adds.Peer, API: r.adds.API, Region: r.adds.Region}); err != nil {
		return err
	}
	if r.caDir != "" {
		fmt.Fprintf(p.Stderr, "now: copy %s to its machine and there: wraftd run --config %s\n", r.dir, bootstrap.ConfigFile)
	}
	return nil
}

// awaitNode looks at a node until it is as it should be. A node that cannot be asked for a
// while changes nothing.
func awaitNode(ctx context.Context, cl *client.Client, id client.NodeID, done func(client.ClusterInfo, client.NodeInfo) bool) (last client.NodeInfo, err error) {
	for {
		info, asked := cl.Cluster(ctx)
		if n, known := nodeOf(info, id); asked == nil && known {
			if last = n; done(info, n) {
				return last, nil
			}
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(settledPause):
		}
	}
}

func nodeOf(info client.ClusterInfo, id client.NodeID) (client.NodeInfo, bool) {
	for _, n := range info.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return client.NodeInfo{}, false
}
