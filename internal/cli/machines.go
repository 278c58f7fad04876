package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

func (p *Program) machinesCommand() *cobra.Command {
	return group("machines", "List, show, upgrade and delete machines", p.machinesListCommand(), p.machinesShowCommand(),
		p.machinesActivateCommand(), p.machinesRollbackCommand(), p.machinesHistoryCommand(), p.machinesEventsCommand(), p.machinesLogsCommand(), p.machinesDeleteCommand())
}

func (p *Program) machinesListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List all machines", Args: exactArgs()}
	conn := p.connectFlags(cmd, callTimeout)
	deleted := cmd.Flags().Bool("deleted", false, "list deleted machines instead, the newest first")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			if *deleted {
				return p.listDeleted(ctx, cmd, cl)
			}
			machines, err := cl.Machines(ctx)
			if err != nil {
				return err
			}
			v := view{
				value:  map[string]any{"machines": machines},
				header: []string{"machine", "module", "group", "leader", "term", "commit", "applied", "state"},
			}
			for _, m := range machines {
				v.names = append(v.names, m.Name)
				v.rows = append(v.rows, []any{m.Name, m.Module.Short(), m.Group.String(), dash(m.Leader.String()), m.Term, m.Commit, m.Applied, string(m.State)})
			}
			return p.print(cmd, v)
		})
	}
	return cmd
}

func (p *Program) machinesShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show MACHINE", Short: "Show one machine, as the node asked sees it",
		Example: "  wraftd machines show counter\n  wraftd machines show counter --export --server https://10.0.0.2:7443",
		Args:    exactArgs("MACHINE"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	export := cmd.Flags().Bool("export", false, "also run the machine's snapshot export on that node and show its digest")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			m, err := cl.Machine(ctx, args[0], *export)
			if err != nil {
				return err
			}
			return p.print(cmd, view{value: m, rows: machineRows(m), names: []string{m.Name}})
		})
	}
	return cmd
}

// machineRows is one line per fact.
func machineRows(m client.MachineInfo) [][]any {
	rows := [][]any{
		{"machine", m.Name},
		{"state", string(m.State)},
		{"group", m.Group.String()},
		{"module", string(m.Module)},
		{"leader", dash(m.Leader.String())},
		{"term", m.Term},
		{"commit", m.Commit},
		{"applied", m.Applied},
		{"deployed at", m.DeployIndex},
	}
	if m.Snapshot != "" {
		rows = append(rows, []any{"snapshots by", string(m.Snapshot)})
	}
	if e := m.LastExport; e != nil {
		rows = append(rows, []any{"last export at", e.Index})
		if e.Refused != "" {
			rows = append(rows, []any{"export refused for", e.Refused})
		}
	}
	if m.RunningModule != "" && m.RunningModule != m.Module {
		rows = append(rows, []any{"runs here", string(m.RunningModule)})
	}
	if m.RunningSince != 0 {
		rows = append(rows, []any{"running since", m.RunningSince})
	}
	if u := m.Upgrade; u != nil {
		rows = append(rows, []any{"upgrade", fmt.Sprintf("%d %s, from %s to %s", u.Deploy, u.State, u.From.Short(), u.To.Short())})
		if u.Reason != "" {
			rows = append(rows, []any{"refused for", u.Reason})
		}
	}
	if m.StateReason != "" {
		rows = append(rows, []any{"reason", m.StateReason})
	}
	if m.ModuleBytes != 0 {
		rows = append(rows, []any{"module size", fmt.Sprintf("%.1fMiB", float64(m.ModuleBytes)/float64(nodeconfig.MiB))})
	}
	if m.Run != "" {
		rows = append(rows, []any{"run", string(m.Run)}, []any{"artefact", string(m.Artefact)},
			[]any{"made by", fmt.Sprintf("pass %d, host semantics %d", m.PassVersion, m.HostVersion)})
	}
	rows = append(rows, limitRows(m.Limits)...)
	if m.ExportDigest != "" {
		rows = append(rows, []any{"export", string(m.ExportDigest)}, []any{"export at", m.ExportIndex})
	}
	return rows
}
