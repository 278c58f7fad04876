package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The groups of the commands in the help.
const (
	groupCluster  = "cluster"
	groupMachines = "machines"
	groupOther    = "other"
)

// rootCommand puts all commands together.
func (p *Program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "wraftd",
		Short:         "Keeps your state machine alive on several machines",
		Long:          "wraftd keeps a state machine, compiled to WebAssembly, alive on several machines:\nRaft decides the order of its commands, QUIC carries them.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%s: %v", cmd.CommandPath(), err)
	})
	root.PersistentFlags().StringP("output", "o", formatTable, "output format: "+strings.Join(formats, ", "))
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if f := outputOf(cmd); !slices.Contains(formats, f) {
			return usage("--output %q: use %s", f, strings.Join(formats, ", "))
		}
		return nil
	}
	root.AddGroup(
		&cobra.Group{ID: groupMachines, Title: "Machines:"},
		&cobra.Group{ID: groupCluster, Title: "Cluster:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	add := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add(groupMachines, p.deployCommand(), p.callCommand(), p.queryCommand(), p.machinesCommand(), p.pluginCommand(), p.benchCommand())
	add(groupCluster, p.devCommand(), p.initCommand(), p.runCommand(), p.statusCommand(), p.topCommand(), p.doctorCommand(), p.conformanceCommand(), p.waitCommand(), p.nodesCommand(), p.leaderCommand(), p.clusterCommand(), p.certsCommand(), p.configCommand(), p.contextCommand())
	add(groupCluster, p.tokenCommand(), p.auditCommand())
	add(groupOther, p.logCommand(), p.snapshotCommand(), p.backupCommand(), p.recoverCommand(), p.debugCommand(), p.errorsCommand(), p.versionCommand(), p.healthcheckCommand(), p.compileWorkerCommand())
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	wrap(root)
	p.completed(root)
	return root
}

// wrap marks the errors of our own commands as such; see asProblem.
func wrap(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error { return localError(run(cmd, args)) }
	}
	for _, sub := range cmd.Commands() {
		wrap(sub)
	}
}

func (p *Program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if structured(cmd) {
				return p.print(cmd, view{value: map[string]string{"version": p.Version}})
			}
			fmt.Fprintln(p.Stdout, p.Version)
			return nil
		},
	}
}
