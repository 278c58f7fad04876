package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

const (
	deployTimeout = 2 * time.Minute
	barInterval   = 100 * time.Millisecond
)

// wasmMagic is how every WebAssembly module begins.
var wasmMagic = []byte("\x00asm")

func (p *Program) deployCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy FILE",
		Short: "Upload a module and run it as a machine",
		Long: "Uploads a WebAssembly module and creates a machine that runs it. The module is checked before\n" +
			"anything is replicated. Deploying the same module under the same name again changes nothing\n" +
			"but, with --snapshot, of what the machine's snapshots are made.\n" +
			"With --upgrade a machine of that name that runs another module goes over to this one, with its\n" +
			"state: all replicas at the same index of its log, or none.",
		Example: "  wraftd deploy counter.wasm\n  wraftd deploy build/kv.wasm --name orders --memory 512MiB\n  wraftd deploy counter-2.wasm --name counter --upgrade",
		Args:    exactArgs("FILE"),
	}
	conn := p.connectFlags(cmd, deployTimeout)
	name := cmd.Flags().String("name", "", "the machine's name (default: the file's, without its ending)")
	limits := addLimitFlags(cmd, "the cluster's")
	upgrade := cmd.Flags().Bool("upgrade", false, "upgrade the machine if there is one of that name that runs another module")
	snapshot := cmd.Flags().String("snapshot", "", "of what the machine's snapshots are made: image (its memory, the default) or export (what the module writes)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		mode := client.SnapshotMode(*snapshot)
		if !mode.Valid() {
			return usage("--snapshot %q: use image or export", *snapshot)
		}
		file, err := openModule(args[0])
		if err != nil {
			return err
		}
		machine := *name
		if machine == "" {
			machine = strings.TrimSuffix(filepath.Base(args[0]), filepath.Ext(args[0]))
			if err := client.CheckMachineName(machine); err != nil {
				return client.NewProblem(client.CodeBadName, "the file's name makes no name for a machine: %v", err).
					WithHint("Choose a name with --name.").WithCause(err)
			}
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, created, err := p.deploy(ctx, cl, file, machine, client.DeploySpec{Module: file.digest, Limits: *limits, Upgrade: *upgrade, Snapshot: mode})
			if err != nil {
				return nameFlag(err)
			}
			if !created && info.Changed && mode == "" {
				return p.printUpgraded(cmd, info)
			}
			return p.printDeployed(cmd, info, created)
		})
	}
	return cmd
}

// deploy uploads and creates.
func (p *Program) deploy(ctx context.Context, cl *client.Client, file moduleFile, machine string, spec client.DeploySpec) (client.MachineInfo, bool, error) {
	// Why first: a name that cannot be must not cost an upload.
	if err := client.CheckMachineName(machine); err != nil {
		return client.MachineInfo{}, false, err
	}
	bar := p.startBar("upload "+machine, file.size)
	_, _, err := cl.PutModule(ctx, file.digest, file.size, func() (io.ReadCloser, error) { return bar.open(file.path) })
	bar.stop(err)
	if err != nil {
		return client.MachineInfo{}, false, err
	}
	return cl.Deploy(ctx, machine, spec)
}

func (p *Program) printDeployed(cmd *cobra.Command, info client.MachineInfo, created bool) error {
	err := p.print(cmd, view{
		value:  info,
		header: []string{"machine", "module", "group", "index"},
		rows:   [][]any{{info.Name, info.Module.Short(), info.Group.String(), info.DeployIndex}},
		names:  []string{info.Name},
	})
	if err != nil {
		return err
	}
	switch {
	case created:
		fmt.Fprintf(p.Stderr, "deployed %s; next: wraftd call %s COMMAND\n", info.Name, info.Name)
	case info.Changed:
		fmt.Fprintf(p.Stderr, "%s runs this module; its snapshots are made by %s from now on\n", info.Name, info.Snapshot)
	default:
		fmt.Fprintf(p.Stderr, "%s was deployed already, nothing changed; next: wraftd call %s COMMAND\n", info.Name, info.Name)
	}
	return nil
}

// moduleFile is a file that begins as a module does.
type moduleFile struct {
	path   string
	size   int64
	digest client.Digest
}

// openModule checks the plain mistakes and finds the digest.
func openModule(path string) (moduleFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return moduleFile{}, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	defer f.Close()
	head := make([]byte, len(wasmMagic))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return moduleFile{}, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	if !bytes.Equal(head[:n], wasmMagic) {
		return moduleFile{}, client.NewProblem(client.CodeNotWASM, "%s begins with %q, not with %q", path, head[:n], wasmMagic)
	}
	sum := sha256.New()
	sum.Write(head)
	rest, err := io.Copy(sum, f)
	if err != nil {
		return moduleFile{}, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	return moduleFile{path, rest + int64(n), client.DigestFromSum([sha256.Size]byte(sum.Sum(nil)))}, nil
}

// bar shows the progress of an upload; on anything but a terminal it shows nothing.
type bar struct {
	writer  progress.Writer
	tracker *progress.Tracker
	done    chan struct{}
}

func (p *Program) startBar(what string, size int64) *bar {
	isTerminal, colour := p.terminal(p.Stderr)
	if !isTerminal {
		return &bar{}
	}
	b := &bar{writer: progress.NewWriter(), tracker: &progress.Tracker{Message: what, Total: size, Units: progress.UnitsBytes}, done: make(chan struct{})}
	b.writer.SetOutputWriter(p.Stderr)
	b.writer.SetUpdateFrequency(barInterval)
	b.writer.SetAutoStop(false)
	if colour {
		b.writer.SetStyle(progress.StyleBlocks)
	}
	b.writer.AppendTracker(b.tracker)
	go func() {
		defer close(b.done)
		b.writer.Render()
	}()
	return b
}

// open opens the file for one attempt, which begins the bar anew.
func (b *bar) open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil || b.tracker == nil {
		return f, err
	}
	b.tracker.SetValue(0)
	return &countedFile{f, b.tracker}, nil
}

// stop ends the bar and waits until it is drawn.
func (b *bar) stop(err error) {
	if b.writer == nil {
		return
	}
	if err == nil {
		b.tracker.MarkAsDone()
	} else {
		b.tracker.MarkAsErrored()
	}
	b.writer.Stop()
	<-b.done
}

// countedFile moves the bar as it is read.
type countedFile struct {
	*os.File
	tracker *progress.Tracker
}

// Read reads the file.
func (c *countedFile) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.tracker.Increment(int64(n))
	return n, err
}
