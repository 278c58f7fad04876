package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/backup"
	"github.com/wraft/wraft/internal/server"
	"github.com/wraft/wraft/plugins"
)

// backupTimeout is how long a backup, or a restore, may take if nothing else is said.
const backupTimeout = 4 * time.Hour

func (p *Program) backupCommand() *cobra.Command {
	return group("backup", "Carry machines' states away in a file, and back",
		p.backupCreateCommand(), p.backupInspectCommand(), p.backupVerifyCommand(), p.backupRestoreCommand())
}

func (p *Program) backupCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create FILE", Short: "Write the states of machines, and what they run, into a file",
		Long: "Writes everything that was acknowledged of each machine, its module and its exactly-once sessions into\n" +
			"FILE while the cluster goes on. A state is what the module exports, which other releases can take, or\n" +
			"an image of its memory where a module exports none. Each state is of one moment of its own machine;\n" +
			"several machines are not of one moment. Each is restored to be thrown away on the way. FILE gets its\n" +
			"name when all of it is on the disk, and is never overwritten.",
		Example: "  wraftd backup create monday.backup\n  wraftd backup create orders.backup --only orders --server https://10.0.0.3:7443",
		Args:    exactArgs("FILE"),
	}
	conn := p.connectFlags(cmd, backupTimeout)
	only := cmd.Flags().StringSlice("only", nil, "machines, with commas or repeated (default: all)")
	form := cmd.Flags().String("form", "", "of what the states are made: export or image (default: export where a module has one)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		forms := []client.SnapshotMode{client.SnapshotExport, client.SnapshotImage}
		if *form != "" {
			forms = []client.SnapshotMode{client.SnapshotMode(*form)}
		}
		if !forms[0].Valid() {
			return usage("--form %q: use export or image", *form)
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			return withEngine(ctx, func(engine *plugins.Engine) error {
				b := &backupTask{p: p, client: cl, engine: engine, forms: forms}
				return b.create(ctx, cmd, args[0], *only)
			})
		})
	}
	return cmd
}

// backupTask writes one file.
type backupTask struct {
	p        *Program
	client   *client.Client
	engine   *plugins.Engine
	forms    []client.SnapshotMode
	file     *backup.Writer
	manifest backup.Manifest
}

func (b *backupTask) create(ctx context.Context, cmd *cobra.Command, name string, only []string) error {
	info, err := b.client.Cluster(ctx)
	if err != nil {
		return err
	}
	machines, err := b.machines(ctx, only)
	if err != nil {
		return err
	}
	if b.file, err = backup.Create(name); err != nil {
		return err
	}
	defer b.file.Abort()
	b.manifest = backup.Manifest{Cluster: info.Cluster, Created: time.Now().UTC(), Release: b.p.Version}
	for _, m := range machines {
		k, err := b.add(ctx, m)
		if err != nil {
			return err
		}
		b.manifest.Machines = append(b.manifest.Machines, k)
	}
	if err := b.file.Finish(b.manifest); err != nil {
		return err
	}
	f, err := backup.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := b.p.printBackup(cmd, f.Manifest); err != nil {
		return err
	}
	fmt.Fprintf(b.p.Stderr, "%s is written; next: wraftd backup verify %s\n", name, name)
	return nil
}

// machines are the names of what is to be backed up.
func (b *backupTask) machines(ctx context.Context, only []string) ([]string, error) {
	all, err := b.client.Machines(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range all {
		names = append(names, m.Name)
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, client.NewProblem(client.CodeUnknownMachine, "no machine is called %q", name)
		}
	}
	if len(only) > 0 {
		names = slices.Compact(slices.Sorted(slices.Values(only)))
	}
	return names, nil
}

// add writes one machine, in the first form that works.
func (b *backupTask) add(ctx context.Context, name string) (k backup.Machine, err error) {
	for i, form := range b.forms {
		err = b.client.Backup(ctx, name, form, func(info client.BackupInfo, content io.Reader) error {
			k, err = b.take(ctx, info, content)
			return err
		})
		var problem *client.Problem
		unfit := errors.As(err, &problem) && (problem.Code == client.CodeBackupForm || problem.Code == client.CodeBackupRefused)
		if !unfit || i == len(b.forms)-1 {
			return k, err
		}
		fmt.Fprintf(b.p.Stderr, "%s: %s; taking an image\n", name, problem.Detail)
	}
	return k, err
}

// take writes what has to be there to have the machine again, tries the state out on
// its way, and writes it.
func (b *backupTask) take(ctx context.Context, info client.BackupInfo, content io.Reader) (k backup.Machine, err error) {
	k.BackupInfo = info
	module, err := b.client.Module(ctx, info.Module)
	if err != nil {
		return k, err
	}
	artefact, err := b.client.Module(ctx, info.Artefact)
	if err != nil {
		return k, err
	}
	if k.ModulePart, err = b.file.Add(backup.KindModule, module); err != nil {
		return k, err
	}
	if k.ArtefactPart, err = b.file.Add(backup.KindArtefact, artefact); err != nil {
		return k, err
	}
	try := beginRehearsal(ctx, b.engine, info, module, artefact)
	k.StatePart, err = b.file.AddFrom(backup.KindState, try.watch(content))
	tried, refused := try.end(err)
	if err = cmp.Or(err, refused); err != nil {
		return k, err
	}
	if tried.Index != info.Index || tried.Sessions != info.Sessions {
		return k, client.NewProblem(client.CodeBackupRefused, "machine %q: the state is of index %d with %d sessions, %d and %d were announced", info.Machine, tried.Index, tried.Sessions, info.Index, info.Sessions)
	}
	if tried.Exact {
		k.State = tried.State
	} else {
		fmt.Fprintf(b.p.Stderr, "%s: this release makes another artefact of the module than the cluster; verify cannot compare the state\n", info.Machine)
	}
	return k, nil
}

// rehearsal restores a state while it passes by.
type rehearsal struct {
	in    *io.PipeWriter
	ended chan struct{}
	out   server.TriedState
	err   error
}

func beginRehearsal(ctx context.Context, engine *plugins.Engine, info client.BackupInfo, module, artefact []byte) *rehearsal {
	r, w := io.Pipe()
	t := &rehearsal{in: w, ended: make(chan struct{})}
	go func() {
		defer close(t.ended)
		t.out, t.err = server.TryState(ctx, engine, info, module, artefact, r)
		_ = r.CloseWithError(t.err) // it always is nil; a refusal ends the passing by, too
	}()
	return t
}

// watch returns a reader of content that shows it to the rehearsal.
func (t *rehearsal) watch(content io.Reader) io.Reader { return io.TeeReader(content, t.in) }

// end waits for what came of it; passed is how the passing by ended.
func (t *rehearsal) end(passed error) (server.TriedState, error) {
	_ = t.in.CloseWithError(passed) // it always is nil
	<-t.ended
	return t.out, t.err
}

// printBackup shows a manifest.
func (p *Program) printBackup(cmd *cobra.Command, m backup.Manifest) error {
	v := view{value: m, header: []string{"machine", "form", "index", "bytes", "sessions", "module", "pass", "state", "from", "taken"}}
	for _, k := range m.Machines {
		v.names = append(v.names, k.Machine)
		v.rows = append(v.rows, []any{k.Machine, string(k.Form), k.Index, m.Parts[k.StatePart].Bytes, k.Sessions, k.Module.Short(), k.PassVersion,
			dash(shortDigest(k.State)), strings.Join([]string{m.Cluster, k.Group.String()}, "/"), k.Time.Format(time.RFC3339)})
	}
	return p.print(cmd, v)
}
