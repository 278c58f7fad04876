package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/backup"
	"github.com/wraft/wraft/internal/server"
	"github.com/wraft/wraft/plugins"
)

func (p *Program) backupInspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "inspect FILE", Short: "Show what is in a backup",
		Long: "Reads the manifest of a backup and shows what is in it: which machines, of which cluster and moment,\n" +
			"and what they ran. The states are not read; see verify.",
		Example: "  wraftd backup inspect monday.backup\n  wraftd backup inspect monday.backup -o json",
		Args:    exactArgs("FILE"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withBackup(args[0], func(f *backup.File) error { return p.printBackup(cmd, f.Manifest) })
	}
	return cmd
}

// withBackup opens a file, and closes it behind f.
func withBackup(name string, f func(*backup.File) error) error {
	file, err := backup.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f(file), file.Close())
}

func (p *Program) backupVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify FILE", Short: "Read a backup to its end and restore everything in it, to throw it away",
		Long: "Checks every byte of a backup, restores each machine in this process as a node would, and compares what\n" +
			"comes of it with what did when the backup was written. It needs no cluster, and as much memory as the\n" +
			"largest machine. When anything is not as it was the exit code is 9.",
		Example: "  wraftd backup verify monday.backup",
		Args:    exactArgs("FILE"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withBackup(args[0], func(f *backup.File) error {
			return withEngine(cmd.Context(), func(engine *plugins.Engine) error { return p.verifyBackup(cmd, engine, f) })
		})
	}
	return cmd
}

// verified is what verify says of a machine.
type verified struct {
	Machine string `json:"machine"`
	Index   uint64 `json:"index"`
	// State is what came of it; Compared says that it is what came of it when the backup
	// was written.
	State    string `json:"state"`
	Compared bool   `json:"compared"`
	Damage   string `json:"damage,omitempty"`
}

func (p *Program) verifyBackup(cmd *cobra.Command, engine *plugins.Engine, f *backup.File) error {
	if err := f.CheckDigest(); err != nil {
		return err
	}
	var bad error
	all := []verified{}
	v := view{header: []string{"machine", "index", "state", "verdict"}}
	for _, k := range f.Manifest.Machines {
		out, err := verifyMachine(cmd.Context(), engine, f, k)
		word := "restored, the state is what it was"
		switch {
		case err != nil:
			word, out.Damage, bad = "damaged", err.Error(), errors.Join(bad, err)
		case !out.Compared:
			word = "restored; the release that took it makes another state of it"
		}
		all = append(all, out)
		v.names = append(v.names, out.Machine)
		v.rows = append(v.rows, []any{out.Machine, out.Index, dash(shortDigest(out.State)), word})
	}
	v.value = map[string]any{"machines": all}
	if err := p.print(cmd, v); err != nil {
		return err
	}
	return bad
}

// verifyMachine restores a machine to throw it away.
func verifyMachine(ctx context.Context, engine *plugins.Engine, f *backup.File, k backup.Machine) (verified, error) {
	out := verified{Machine: k.Machine, Index: k.Index}
	module, artefact, err := loadRun(f, k)
	if err != nil {
		return out, err
	}
	tried, err := server.TryState(ctx, engine, k.BackupInfo, module, artefact, f.Part(k.StatePart))
	var problem *client.Problem
	if errors.As(err, &problem) && problem.Code == client.CodeBackupRefused {
		return out, client.NewProblem(client.CodeBackupDamaged, "%s", problem.Detail).WithCause(err)
	}
	if err != nil {
		return out, err
	}
	out.State, out.Compared = tried.State, tried.Exact && k.State != ""
	if out.Compared && tried.State != k.State || tried.Index != k.Index || tried.Sessions != k.Sessions {
		return out, client.NewProblem(client.CodeBackupDamaged, "machine %q: restored it has state %s at index %d with %d sessions, when the backup was written it had %s at %d with %d",
			k.Machine, tried.State, tried.Index, tried.Sessions, k.State, k.Index, k.Sessions)
	}
	return out, nil
}

// loadRun reads what a machine ran.
func loadRun(f *backup.File, k backup.Machine) (module, artefact []byte, err error) {
	if module, err = f.Load(k.ModulePart); err == nil {
		artefact, err = f.Load(k.ArtefactPart)
	}
	return module, artefact, err
}

func (p *Program) backupRestoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Create the machines of a backup in a cluster, with their states",
		Long: "Creates each machine of a backup with its module, its state and its exactly-once sessions. None of that\n" +
			"name may be there. A machine is restored whole or executes nothing: one whose restore was broken off\n" +
			"says so, and the same command restores it from the start.",
		Example: "  wraftd backup restore monday.backup --server https://10.0.1.1:7443\n  wraftd backup restore monday.backup --only orders --as orders-of-monday",
		Args:    exactArgs("FILE"),
	}
	conn := p.connectFlags(cmd, backupTimeout)
	only := cmd.Flags().StringSlice("only", nil, "machines, with commas or repeated (default: all)")
	as := cmd.Flags().String("as", "", "another name for the machine; with one machine only")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withBackup(args[0], func(f *backup.File) error {
			machines, err := chosen(f.Manifest, *only, *as)
			if err != nil {
				return err
			}
			return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
				return p.restoreBackup(ctx, cmd, cl, f, machines)
			})
		})
	}
	return cmd
}

// restored is a machine of a backup and the name that it is to have.
type restored struct {
	backup.Machine
	name string
}

// chosen are the machines that are to be restored.
func chosen(m backup.Manifest, only []string, as string) ([]restored, error) {
	wanted := map[string]bool{}
	for _, name := range only {
		wanted[name] = true
	}
	var out []restored
	for _, k := range m.Machines {
		if len(only) == 0 || wanted[k.Machine] {
			out = append(out, restored{k, k.Machine})
			delete(wanted, k.Machine)
		}
	}
	for name := range wanted {
		return nil, client.NewProblem(client.CodeUnknownMachine, "no machine of the backup is called %q", name)
	}
	switch {
	case as == "":
	case len(out) != 1:
		return nil, usage("--as names one machine, %d are to be restored; choose one with --only", len(out))
	default:
		out[0].name = as
	}
	return out, nil
}

func (p *Program) restoreBackup(ctx context.Context, cmd *cobra.Command, cl *client.Client, f *backup.File, machines []restored) error {
	// Why first: nothing is to be done by halves that could have been refused.
	if err := restorable(ctx, cl, machines); err != nil {
		return err
	}
	v := view{header: []string{"machine", "module", "group", "index"}}
	all := []client.RestoredMachine{}
	for _, k := range machines {
		out, err := p.restoreMachine(ctx, cl, f, k)
		if err != nil {
			return err
		}
		all = append(all, out)
		v.names = append(v.names, out.Machine)
		v.rows = append(v.rows, []any{out.Machine, out.Module.Short(), out.Group.String(), out.Index})
		fmt.Fprintf(p.Stderr, "restored %s, as it was behind entry %d of %s at %s\n", k.name, k.Index, f.Manifest.Cluster, k.Time.Format("2006-01-02 15:04:05Z"))
	}
	v.value = map[string]any{"machines": all}
	return p.print(cmd, v)
}

// restorable finds what is in the way. A machine whose restore was broken off is not.
func restorable(ctx context.Context, cl *client.Client, machines []restored) error {
	for _, k := range machines {
		m, err := cl.Machine(ctx, k.name, false)
		var problem *client.Problem
		switch {
		case errors.As(err, &problem) && (problem.Code == client.CodeUnknownMachine || problem.Code == client.CodeMachineDeleted):
		case err != nil:
			return err
		case m.State != client.MachineRestoring:
			return client.NewProblem(client.CodeMachineExists, "machine %q is there already, with group %v", k.name, m.Group).
				WithHint("Restore it under another name with --as, or delete the one that is there first: wraftd machines delete %s", k.name)
		}
	}
	return nil
}

func (p *Program) restoreMachine(ctx context.Context, cl *client.Client, f *backup.File, k restored) (client.RestoredMachine, error) {
	module, artefact, err := loadRun(f, k.Machine)
	if err != nil {
		return client.RestoredMachine{}, err
	}
	if _, _, err := cl.PutModule(ctx, k.Module, int64(len(module)), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(module)), nil
	}); err != nil {
		return client.RestoredMachine{}, err
	}
	if k.Form == client.SnapshotImage {
		if err := cl.PutArtefact(ctx, k.Module, artefact); err != nil {
			return client.RestoredMachine{}, err
		}
	}
	return cl.Restore(ctx, k.name, k.BackupInfo, f.Part(k.StatePart))
}
