package bigsnapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/metric"
)

const (
	// logBytes lie between two snapshots: little enough to be written soon, and more than
	// the load writes during a transfer.
	logBytes = "1MiB"
	// paddingBytes is the length of the commands that fill the log, none of which
	// changes anything.
	paddingBytes = 64 << 10
	// fillMiB is what one command adds to a machine: seconds of work at most.
	fillMiB = 16
	// spareMiB is what a machine's memory limit leaves to its own heap.
	spareMiB = 96
	// fillTimeout bounds one such command on a machine with much else to do.
	fillTimeout = 5 * time.Minute
)

// SetUp builds what is needed into dir and starts three nodes, with relays between
// the receiver and the others, and the empty machines on them.
func SetUp(ctx context.Context, dir string, cfg *Config) error {
	program, err := cluster.Build(ctx, dir)
	if err != nil {
		return err
	}
	module := filepath.Join(dir, "noise.wasm")
	if err := cluster.BuildModule(ctx, "internal/wasmtest/guests/noise", module); err != nil {
		return err
	}
	compiled := filepath.Join(dir, "compiled")
	if err := cluster.Compile(ctx, cluster.Config{Wraftd: program, Dir: filepath.Join(dir, "compiler"), Compiled: compiled}, module); err != nil {
		return err
	}
	memory := fmt.Sprintf("%dMiB", cfg.StateMiB/cfg.Machines+spareMiB)
	cfg.Cluster, err = cluster.New(ctx, cluster.Config{
		Wraftd: program, Dir: filepath.Join(dir, "cluster"), Name: "bigsnapshot", Compiled: compiled,
		Flags: []string{
			"--snapshots-log-bytes", logBytes, "--snapshots-interval", "720h", "--snapshots-tail-bytes", "1KiB", "--snapshots-keep", "1",
			"--snapshots-send-rate", fmt.Sprintf("%dKiB", cfg.RateKiB), "--limits-machine-memory", memory,
			"--limits-node-memory", "64GiB", // Why: three nodes share what each would take half of
		},
	})
	if err != nil {
		return err
	}
	// Why the receiver's alone: the others' appends would wait behind what the relays carry to it,
	// on its processor, and the writes would show that.
	if cfg.Links, err = cfg.Cluster.Link(1, cfg.Cluster.Nodes[receiver].ID); err != nil {
		return err
	}
	if cfg.Disk != "" {
		if err := moveData(cfg.Cluster.Nodes[receiver], cfg.Disk); err != nil {
			return err
		}
	}
	for i, n := range cfg.Cluster.Nodes {
		n.KeepTo(cfg.processors(i == receiver))
	}
	if cfg.Apart {
		if err := keepTo(cfg.processors(true)); err != nil {
			return err
		}
	}
	if err := errors.Join(cfg.Cluster.Start(), cfg.Cluster.WaitReady(ctx)); err != nil {
		return err
	}
	for _, m := range cfg.machines() {
		if r := cfg.Cluster.Wraftd(ctx, "deploy", module, "--name", m, "--memory", memory, "--snapshot", string(cfg.Snapshot), "--timeout", "5m"); r.Code != 0 {
			return fmt.Errorf("bigsnapshot: deploy: exit code %d: %s", r.Code, r.Stderr)
		}
	}
	return nil
}

// moveData moves what a node that was not started yet has, to another disk.
func moveData(n *cluster.Node, disk string) error {
	folder, err := os.MkdirTemp(disk, "wraft-bigsnapshot-")
	if err != nil {
		return fmt.Errorf("bigsnapshot: %w", err)
	}
	moved := filepath.Join(folder, "data")
	if out, err := exec.Command("mv", n.DataDir(), moved).CombinedOutput(); err != nil {
		return fmt.Errorf("bigsnapshot: move the receiver's data: %w: %s", err, out)
	}
	if err := os.Symlink(moved, n.DataDir()); err != nil {
		return fmt.Errorf("bigsnapshot: %w", err)
	}
	return nil
}

// CleanUp removes what SetUp and Run left in dir, and on the receiver's disk.
func CleanUp(dir string, cfg *Config) error {
	if cfg.Disk == "" {
		return os.RemoveAll(dir)
	}
	moved, err := filepath.EvalSymlinks(cfg.Cluster.Nodes[receiver].DataDir())
	if err == nil {
		err = os.RemoveAll(filepath.Dir(moved))
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// fill gives each machine its share of the state, and then so many commands that the
// running nodes take a snapshot behind it and cut their logs there.
func (r *run) fill(ctx context.Context) error {
	for _, m := range r.cfg.machines() {
		s, err := r.client.Register(ctx, m)
		if err != nil {
			return fmt.Errorf("bigsnapshot: %w", err)
		}
		for left := r.cfg.StateMiB / r.cfg.Machines; left > 0; left -= fillMiB {
			if err := command(ctx, s, fmt.Sprintf("noise %d", min(left, fillMiB))); err != nil {
				return err
			}
		}
		full, err := r.commitIndex(ctx, m)
		if err != nil {
			return err
		}
		padding := "get " + strings.Repeat("x", paddingBytes)
		for {
			if cut, err := r.cutBehind(ctx, m, full); err != nil || cut {
				if err != nil {
					return err
				}
				break
			}
			if err := command(ctx, s, padding); err != nil {
				return err
			}
		}
		r.cfg.Log("%s: %d MiB, snapshots taken and logs cut", m, r.cfg.StateMiB/r.cfg.Machines)
	}
	return nil
}

func command(ctx context.Context, s *client.Session, text string) error {
	ctx, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()
	if _, err := s.Command(ctx, []byte(text)); err != nil {
		return fmt.Errorf("bigsnapshot: %.20q: %w", text, err)
	}
	return nil
}

func (r *run) commitIndex(ctx context.Context, machine string) (uint64, error) {
	info, err := r.client.Machine(ctx, machine, false)
	if err != nil {
		return 0, fmt.Errorf("bigsnapshot: %w", err)
	}
	return info.Commit, nil
}

// cutBehind reports whether all running nodes hold a snapshot of a machine from an index
// on, and their logs begin there.
func (r *run) cutBehind(ctx context.Context, machine string, index uint64) (bool, error) {
	for _, n := range r.cfg.Cluster.Nodes {
		if !n.Running() {
			continue
		}
		purged, err := valueOf(ctx, n, metric.RaftPurgedIndex, machine)
		if err != nil || uint64(purged) < index {
			return false, err
		}
	}
	return true, nil
}

// valueOf is a number of one machine, 0 while the node does not know the machine.
func valueOf(ctx context.Context, n *cluster.Node, name, machine string) (float64, error) {
	all, err := n.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	for key, v := range all {
		if strings.HasPrefix(key, name+"{") && strings.Contains(key, fmt.Sprintf("machine=%q", machine)) {
			return v, nil
		}
	}
	return 0, nil
}
