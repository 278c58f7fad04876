package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/offline"
)

func (p *Program) snapshotCommand() *cobra.Command {
	return group("snapshot", "Take snapshots, and look at those of a node that does not run",
		p.snapshotTriggerCommand(), p.snapshotListCommand(), p.snapshotInspectCommand())
}

func (p *Program) snapshotListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the snapshots of a node",
		Long: "Lists the snapshot files in the data directory of a node that does not run: of which group, at which\n" +
			"index, and on which other file an increment rests. Their contents are not read; see inspect.",
		Example: "  wraftd snapshot list --data-dir node-1/data\n  wraftd snapshot list --config node-1/wraft.yaml --group 2 -o json",
		Args:    exactArgs(),
	}
	where := addDirectoryFlags(cmd)
	only := cmd.Flags().Uint64("group", 0, "one group (default: all)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return where.with(p, func(d *offline.Directory) error { return p.printSnapshots(cmd, d, *only, "", false) })
	}
	return cmd
}

func (p *Program) snapshotInspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect [DIGEST]",
		Short: "Read snapshots of a node to their ends, and say what is damaged",
		Long: "Reads the snapshot whose digest begins with DIGEST, or all, in the data directory of a node that does\n" +
			"not run, and checks every byte. When one is not as it was written the exit code is 9.",
		Example: "  wraftd snapshot inspect --data-dir node-1/data\n  wraftd snapshot inspect 2e002d1e --config node-1/wraft.yaml",
		Args:    atMostOneArg("DIGEST"),
	}
	where := addDirectoryFlags(cmd)
	only := cmd.Flags().Uint64("group", 0, "one group (default: all)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		prefix := strings.Join(args, "")
		return where.with(p, func(d *offline.Directory) error { return p.printSnapshots(cmd, d, *only, prefix, true) })
	}
	return cmd
}

// printSnapshots shows the snapshots whose digest begins with a prefix, and fails when
// one is damaged.
func (p *Program) printSnapshots(cmd *cobra.Command, d *offline.Directory, only uint64, prefix string, verify bool) error {
	all := []offline.Snapshot{}
	for _, g := range groupsOf(d, only) {
		list, err := d.Snapshots(g, verify)
		if err != nil {
			return err
		}
		for _, s := range list {
			if strings.HasPrefix(s.Digest, prefix) {
				all = append(all, s)
			}
		}
	}
	if prefix != "" && len(all) == 0 {
		return usage("no snapshot has a digest that begins with %q", prefix)
	}
	v := view{value: map[string]any{"snapshots": all}, header: []string{"group", "index", "term", "kind", "bytes", "digest", "rests on", "damage"}}
	var damage []string
	for _, s := range all {
		v.names = append(v.names, s.Digest)
		v.rows = append(v.rows, []any{s.Group.String(), s.Index, s.Term, dash(s.Kind), s.Bytes, shortDigest(s.Digest), dash(shortDigest(s.Base)), dash(s.Damage)})
		if s.Damage != "" {
			damage = append(damage, s.Damage)
		}
	}
	if err := p.print(cmd, v); err != nil || len(damage) == 0 {
		return err
	}
	return client.NewProblem(client.CodeChecksFailed, "%s", strings.Join(damage, "\n")).
		WithHint("The node uses an older snapshot, or gets one from another node. Look at the disk.")
}

// shortDigest is enough of a digest to name it on the command line.
func shortDigest(d string) string { return d[:min(len(d), 12)] }
