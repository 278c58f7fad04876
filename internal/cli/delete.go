package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/wraft/wraft/client"
)

func (p *Program) machinesDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete MACHINE", Short: "Delete a machine and its state on all nodes, for good",
		Long: "Ends the machine on every node and removes its log, its snapshots and its sessions. Nodes that are\n" +
			"away do so when they come back. Nothing brings the state back but a backup; the name is free, and a\n" +
			"machine deployed under it begins with nothing. The machine's name has to be repeated on standard\n" +
			"input, unless --yes is given.",
		Example: "  wraftd machines delete counter\n  wraftd machines delete counter --yes -o json",
		Args:    exactArgs("MACHINE"),
	}
	conn := p.connectFlags(cmd, deployTimeout)
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	dry := cmd.Flags().Bool("dry-run", false, "only show what would be deleted")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			m, err := cl.Machine(ctx, args[0], false)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.Stderr, "deleting %s removes its state, %d entries of log behind it, on all nodes, for good\n", m.Name, m.Commit)
			if *dry {
				return nil
			}
			if err := p.repeated(m.Name, *yes); err != nil {
				return err
			}
			gone, err := cl.Delete(ctx, m.Name, m.Group)
			if err != nil {
				return err
			}
			return p.printDeleted(cmd, gone)
		})
	}
	return cmd
}

// repeated has the operator repeat a name before something that cannot be undone.
func (p *Program) repeated(name string, yes bool) error {
	if yes {
		return nil
	}
	if f, ok := p.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(p.Stderr, "type %s to go on: ", name)
	}
	line, err := bufio.NewReader(io.LimitReader(p.Stdin, 1<<10)).ReadString('\n')
	if text := strings.TrimSpace(line); text != name {
		if text == "" && err != nil {
			return usage("this cannot be undone: repeat %s on standard input, or give --yes", name)
		}
		return usage("%q is not %s; nothing was changed", text, name)
	}
	return nil
}

func (p *Program) printDeleted(cmd *cobra.Command, gone client.DeletedMachine) error {
	err := p.print(cmd, view{
		value: gone, header: []string{"machine", "group", "index"}, rows: [][]any{{gone.Name, gone.Group.String(), gone.DeleteIndex}}, names: []string{gone.Name},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stderr, "deleted %s; its name is free: wraftd deploy FILE --name %s\n", gone.Name, gone.Name)
	return nil
}

// listDeleted lists deleted machines.
func (p *Program) listDeleted(ctx context.Context, cmd *cobra.Command, cl *client.Client) error {
	deleted, err := cl.DeletedMachines(ctx)
	if err != nil {
		return err
	}
	v := view{value: map[string]any{"deleted": deleted}, header: []string{"machine", "group", "module", "deployed at", "deleted at", "when", "by"}}
	for _, d := range deleted {
		v.names = append(v.names, d.Name)
		v.rows = append(v.rows, []any{d.Name, d.Group.String(), d.Module.Short(), d.DeployIndex, d.DeleteIndex, d.At.Format(time.RFC3339), dash(d.By)})
	}
	return p.print(cmd, v)
}
