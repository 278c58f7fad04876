package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/offline"
)

func (p *Program) recoverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "recover", Short: "Have one node go on alone after the loss of a quorum, for good",
		Long: "UNSAFE. When a majority of the voters is lost for ever, makes the node of a data directory the only\n" +
			"voter of every group. The node must not run. Shows how far its logs go, and those of other survivors\n" +
			"given with --also, of which it takes what they have further. What only lost nodes had is lost, and nobody\n" +
			"can say what that was. Every other node's life ends with it: with its old disk none is let in again.\n" +
			"Asks for the cluster's ID. Interrupted, it can be run again.",
		Example: "  wraftd recover --data-dir node-4/data --also node-5/data --dry-run\n" +
			"  wraftd recover --data-dir node-4/data --also node-5/data --cluster-id prod --yes",
		Args: exactArgs(),
	}
	where := addDirectoryFlags(cmd)
	also := cmd.Flags().StringSlice("also", nil, "data directories of other survivors, with commas or repeated; they are only read")
	id := cmd.Flags().String("cluster-id", "", "the cluster's ID, which has to be the directory's")
	yes := cmd.Flags().Bool("yes", false, "do not ask; with --cluster-id")
	cut := cmd.Flags().Bool("cut-damage", false, "go on with what is sound in damaged directories of --also; --data-dir may be a new one then, which is made of them")
	dry := cmd.Flags().Bool("dry-run", false, "only show what would be done")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := where.path(p)
		if err != nil {
			return err
		}
		var others []offline.Source
		for _, other := range *also {
			from := offline.At(other)
			from.CutDamage = *cut
			others = append(others, from)
		}
		if *cut && len(others) == 0 {
			return usage("--cut-damage needs --also with the directory that is damaged")
		}
		plan, err := offline.PlanRecovery(offline.At(dir), others...)
		if err != nil {
			return err
		}
		if err := p.printRecovery(cmd, plan); err != nil || *dry {
			return errors.Join(err, plan.Close())
		}
		if err := p.confirmCluster(plan.Cluster, *id, *yes); err != nil {
			return errors.Join(err, plan.Close())
		}
		if err := plan.Recover(time.Now()); err != nil {
			return err
		}
		fmt.Fprintf(p.Stderr, "node %v is the only voter of %d groups now, in its life %d; next: start it, wipe the data directories of all other\n"+
			"nodes, and take them in again as new ones (docs/OPERATIONS.md, After the loss of a quorum)\n", plan.Node, len(plan.Groups), plan.Life)
		return nil
	}
	return cmd
}

// confirmCluster has the operator name the cluster.
func (p *Program) confirmCluster(cluster, given string, yes bool) error {
	switch {
	case given != "" && given != cluster:
		return usage("--cluster-id %q: the directory is of cluster %q; nothing was changed", given, cluster)
	case yes && given == "":
		return usage("--yes needs --cluster-id")
	case yes:
		return nil
	}
	fmt.Fprint(p.Stderr, "this cannot be undone; type the cluster's ID to go on: ")
	line, err := bufio.NewReader(io.LimitReader(p.Stdin, 1<<10)).ReadString('\n')
	if text := strings.TrimSpace(line); text != cluster {
		return usage("%q is not the cluster's ID; nothing was changed (%v)", text, err)
	}
	return nil
}

// printRecovery shows how far the logs go and what becomes of them.
func (p *Program) printRecovery(cmd *cobra.Command, plan *offline.Plan) error {
	v := view{value: plan, header: []string{"group", "voters now", "term", "last", "of term", "commit", "others", "taken", "dropped"}}
	for _, g := range plan.Groups {
		var others []string
		for _, o := range g.Others {
			others = append(others, fmt.Sprintf("node %v: %d of term %d", o.Node, o.Last, o.LastTerm))
		}
		taken := ""
		if g.From != "" {
			taken = fmt.Sprintf("%d from %s", g.Entries, g.From)
		}
		if g.Snapshot != 0 {
			taken = fmt.Sprintf("snapshot at %d and %s", g.Snapshot, taken)
		}
		v.names = append(v.names, "group/"+g.Group.String())
		v.rows = append(v.rows, []any{g.Group.String(), g.Configuration, g.Term, g.Last, g.LastTerm, g.Commit, dash(strings.Join(others, ", ")), dash(taken), g.Dropped})
	}
	if err := p.print(cmd, v); err != nil {
		return err
	}
	fmt.Fprintf(p.Stderr, "cluster %s: node %v would go on alone, in its life %d\n"+
		"lost is what only other nodes had: every entry behind the last ones above, acknowledged ones among them, and machines that are in no group above\n",
		plan.Cluster, plan.Node, plan.Life)
	for _, lost := range plan.Lost {
		fmt.Fprintf(p.Stderr, "damaged: %s\n", lost)
	}
	return nil
}

// path is the directory that the flags name.
func (d directoryFlags) path(p *Program) (string, error) {
	if *d.dir != "" {
		return *d.dir, nil
	}
	cfg, err := loadConfig(*d.config, p.Environ, nil)
	if err != nil {
		return "", err
	}
	if cfg.DataDir == "" {
		return "", client.NewProblem(client.CodeConfig, "%s names no data directory", *d.config)
	}
	return cfg.DataDir, nil
}
