package bigsnapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/relay"
)

// Config says what to bring, and over what.
type Config struct {
	// StateMiB is how much state there is, spread evenly over the machines. At least 1.
	StateMiB int
	// Machines is how many there are. At least 1.
	Machines int
	// Cuts is how often the links are cut, at least 3: with two of them the receiver is
	// killed and started again, with the last one the sender.
	Cuts int
	// Snapshot is of what the machines' snapshots are made.
	Snapshot client.SnapshotMode
	// RateKiB is how many KiB a node sends in a second.
	RateKiB int
	// Apart has the receiver and the relays on one processor, and the other nodes and the load
	// on the rest, as if they were other machines. It needs two, and taskset.
	Apart bool
	// Disk is a folder on another disk for the data of the receiver, as if that were another
	// machine. Empty: it has the disk of the others.
	Disk string
	// Baseline is how long writes are measured before the transfer.
	Baseline time.Duration
	// Log takes a line per event; required.
	Log func(format string, args ...any)

	// Cluster and Links are set by SetUp.
	Cluster *cluster.Cluster
	Links   *cluster.Links
}

// processors are those of the receiver and the relays, or of all others; empty for all.
func (c *Config) processors(receiver bool) string {
	switch {
	case !c.Apart:
		return ""
	case receiver:
		return "0"
	}
	return fmt.Sprintf("1-%d", runtime.NumCPU()-1)
}

// receiver is the index of the node that was away.
const receiver = 2

// settle is how long the load runs before anything is measured.
const settle = 2 * time.Second

func (c *Config) machines() (names []string) {
	for i := range c.Machines {
		names = append(names, fmt.Sprintf("big-%d", i+1))
	}
	return names
}

// Result is what a transfer came to.
type Result struct {
	// Bytes is the size of the snapshots that were needed, Received what came of them.
	Bytes, Received int64
	Cuts            int
	// Before and During are the 99th percentiles of writes, of Writes during the transfer.
	// The latter end when the sender is killed: then a quorum has to wait for the receiver.
	Before, During time.Duration
	Writes         int
	// Elections is by how much the terms of the machines rose until then.
	Elections int
	Took      time.Duration
}

// bytesRatioMax bounds what came for what was needed.
const bytesRatioMax = 1.05

// ratio is Received for each byte that was needed.
func (r Result) ratio() float64 { return float64(r.Received) / float64(max(r.Bytes, 1)) }

// Err is what is wrong with the result.
func (r Result) Err() error {
	if r.Received < r.Bytes {
		return fmt.Errorf("bigsnapshot: %d bytes came and %d were needed: the state came another way", r.Received, r.Bytes)
	}
	if r.ratio() > bytesRatioMax {
		return fmt.Errorf("bigsnapshot: %d bytes came for %d: more than a cut may waste", r.Received, r.Bytes)
	}
	return nil
}

// String is the stable last line of make bigsnapshot.
func (r Result) String() string {
	return fmt.Sprintf("bigsnapshot: bytes=%d cuts=%d received=%.3fx p99_before=%.1fms p99=%.1fms p99_ratio=%.2f writes=%d elections=%d took=%.0fs",
		r.Bytes, r.Cuts, r.ratio(), ms(r.Before), ms(r.During), float64(r.During)/float64(max(r.Before, 1)), r.Writes, r.Elections, r.Took.Seconds())
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// run is one that is under way.
type run struct {
	cfg    *Config
	client *client.Client
	load   *load
	away   *cluster.Node // the receiver
	before int64         // bytes that came to its earlier processes
	result Result
}

// Run brings the state and judges it. The cluster is that of SetUp. The error is about
// what kept it from its end; Result.Err judges the bytes.
func Run(ctx context.Context, cfg *Config) (Result, error) {
	// Why not the receiver's: what it says of machines may be old.
	others := cfg.Cluster.Endpoints()[:receiver]
	cl, err := client.New(client.Config{Endpoints: others, TLS: cfg.Cluster.TLS(), AttemptsMax: 1 << 20, Timeout: 10 * time.Minute})
	if err != nil {
		return Result{}, fmt.Errorf("bigsnapshot: %w", err)
	}
	defer cl.Close()
	r := &run{cfg: cfg, client: cl, away: cfg.Cluster.Nodes[receiver], result: Result{Cuts: cfg.Cuts}}
	if err := errors.Join(r.away.Kill(), r.fill(ctx)); err != nil {
		return r.result, err
	}
	if r.result.Bytes, err = r.needed(); err != nil {
		return r.result, err
	}
	if r.load, err = startLoad(cfg.Cluster.Dir, cfg.processors(false), others, cfg.machines()); err != nil {
		return r.result, err
	}
	if err := rest(ctx, settle); err != nil {
		return r.result, err
	}
	from := time.Now()
	err = rest(ctx, cfg.Baseline)
	r.result.Before, _ = r.load.p99(from, time.Now())
	if err == nil {
		err = r.transfer(ctx)
	}
	added, problems := r.load.stop()
	if err := errors.Join(append(problems, err)...); err != nil {
		return r.result, err
	}
	return r.result, r.compare(ctx, added)
}

// needed adds up the snapshots of the machines on a running node.
func (r *run) needed() (total int64, err error) {
	root := filepath.Join(r.cfg.Cluster.Nodes[0].Dir, "data", "snapshots")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".snap") || filepath.Base(filepath.Dir(path)) == "1" {
			return err
		}
		info, err := os.Stat(path)
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("bigsnapshot: look at snapshots: %w", err)
	}
	return total, nil
}

// compare holds what the receiver has of each machine against what another node has and
// what was acknowledged. Then every node begins from its snapshots, and it is done again.
func (r *run) compare(ctx context.Context, added map[string]int64) error {
	for _, again := range []bool{false, true} {
		if again {
			if err := errors.Join(r.cfg.Cluster.KillAll(), r.cfg.Cluster.Start(), r.cfg.Cluster.WaitReady(ctx)); err != nil {
				return err
			}
		}
		for _, m := range r.cfg.machines() {
			if err := r.compareOne(ctx, m, added[m]); err != nil {
				return err
			}
		}
	}
	s, err := r.cfg.Cluster.Snapshots()
	if err == nil && (s.Installed < r.cfg.Machines || s.Restored < 2*len(r.cfg.Cluster.Nodes)) {
		err = fmt.Errorf("bigsnapshot: %+v: the state came another way", s)
	}
	return err
}

func (r *run) compareOne(ctx context.Context, machine string, added int64) error {
	info, err := r.client.Machine(ctx, machine, false)
	if err != nil {
		return fmt.Errorf("bigsnapshot: %w", err)
	}
	var first string
	for _, n := range r.cfg.Cluster.Nodes {
		cl, err := client.New(client.Config{Endpoints: []string{n.URL()}, TLS: r.cfg.Cluster.TLS(), AttemptsMax: 1 << 20, Timeout: fillTimeout})
		if err != nil {
			return fmt.Errorf("bigsnapshot: %w", err)
		}
		defer cl.Close()
		q := client.Query{Data: []byte("sum"), Consistency: client.Stale, MinIndex: info.Commit, Wait: 4 * time.Minute}
		answer, err := cl.Query(ctx, machine, q)
		if err != nil {
			return fmt.Errorf("bigsnapshot: node %d: %w", n.ID, err)
		}
		if first == "" {
			first = string(answer.Data)
		}
		if string(answer.Data) != first || !strings.HasPrefix(first, fmt.Sprintf("%d ", added)) {
			return fmt.Errorf("bigsnapshot: node %d has %q of %s, another %q, and %d writes were acknowledged", n.ID, answer.Data, machine, first, added)
		}
	}
	return nil
}

// cut is a link that carries nothing.
var cut = relay.Conditions{Cut: true}

// rest waits, or returns the context's error when that ends first.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
