// Command peersbench measures wraft beside etcd, hashicorp/raft and dragonboat, and prints a
// table. The others come from the lab, a folder of programs that -lab names.
//
//	peersbench -lab FOLDER [-short] [-out RUNS.jsonl] [-update]
//	peersbench -from RUNS.jsonl [-update]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/peers"
	"github.com/wraft/wraft/internal/marked"
)

// Marks around the tables in docs/BENCHMARKS.md.
const (
	begin = "<!-- peers-bench: written by make peers-bench UPDATE=1 -->\n"
	end   = "<!-- peers-bench: end -->\n"
)

// options are the flags.
type options struct {
	cfg              peers.Config
	systems, clients string
	short, update    bool
	from, out, note  string
}

func main() {
	o := readFlags()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers-bench:", err)
		os.Exit(1)
	}
}

func readFlags() *options {
	o := new(options)
	flag.StringVar(&o.cfg.Lab, "lab", os.Getenv("WRAFT_LAB"), "folder that holds the lab's folder peers (WRAFT_LAB)")
	flag.StringVar(&o.systems, "systems", "wraft etcd etcd-leader hraft-wal dragonboat1", "what is measured, in this order: wraft, and systems of the lab")
	flag.StringVar(&o.clients, "clients", "1 16 64 256", "how many clients, one load for each")
	flag.DurationVar(&o.cfg.Duration, "duration", 10*time.Second, "measured time of a load")
	flag.DurationVar(&o.cfg.Warmup, "warmup", 2*time.Second, "unmeasured time before it")
	flag.IntVar(&o.cfg.Rounds, "rounds", 3, "how often each system has its turn")
	flag.IntVar(&o.cfg.Retries, "retries", 2, "how often a load is repeated that others disturbed")
	flag.Float64Var(&o.cfg.ForeignMax, "max-foreign", 0.2, "how many cores other processes may use during a load")
	flag.StringVar(&o.cfg.Guest, "guest", "sdk/c/examples/kv", "folder of the kv machine, in whichever language, from the repository's root")
	flag.StringVar(&o.cfg.Profiles, "profiles", "", "folder for CPU profiles of wraft's nodes, one for each load, as OP-CLIENTS-NODE.pprof")
	flag.BoolVar(&o.short, "short", false, "try it in a minute or two: one round of one second each, nothing repeated; the figures are worth little")
	flag.BoolVar(&o.update, "update", false, "write the tables into docs/BENCHMARKS.md")
	flag.StringVar(&o.out, "out", "", "file for a line of JSON per load")
	flag.StringVar(&o.from, "from", "", "such a file: its tables, and nothing is measured")
	flag.StringVar(&o.note, "note", "", "what else to say about the conditions")
	flag.Parse()
	return o
}

func (o *options) run(ctx context.Context) error {
	report, err := o.report(ctx)
	if len(report.Lines) == 0 {
		return err
	}
	tables := report.Markdown()
	fmt.Print(tables)
	if err != nil || !o.update {
		return err
	}
	root, err := cluster.Root()
	if err != nil {
		return err
	}
	return marked.Update(filepath.Join(root, "docs", "BENCHMARKS.md"), begin, end, tables)
}

// report reads or measures one. It has no lines where there is no lab.
func (o *options) report(ctx context.Context) (peers.Report, error) {
	if o.from != "" {
		in, err := os.Open(o.from)
		if err != nil {
			return peers.Report{}, err
		}
		defer in.Close()
		return peers.Read(in)
	}
	if err := peers.HasLab(o.cfg.Lab); err != nil && o.systems != peers.Wraft {
		fmt.Println("peers-bench: skipped:", err)
		return peers.Report{}, nil
	}
	return o.measure(ctx)
}

func (o *options) measure(ctx context.Context) (report peers.Report, err error) {
	if err := o.complete(); err != nil {
		return report, err
	}
	if o.cfg.Dir, err = os.MkdirTemp("", "wraft-peers-"); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.cfg.Dir)) }()
	o.cfg.Out = io.Discard
	if o.out != "" {
		file, err := os.Create(o.out)
		if err != nil {
			return report, err
		}
		defer file.Close()
		o.cfg.Out = file
	}
	report.Conditions = o.conditions()
	if err := json.NewEncoder(o.cfg.Out).Encode(report); err != nil {
		return report, err
	}
	report.Lines, err = peers.Run(ctx, o.cfg)
	return report, err
}

// complete reads the lists, and makes short what is to be short.
func (o *options) complete() error {
	split := func(list string) []string {
		return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	}
	o.cfg.Systems, o.cfg.Ops = split(o.systems), []string{"write", "read"}
	for _, text := range split(o.clients) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("-clients: %q is no number", text)
		}
		o.cfg.Clients = append(o.cfg.Clients, n)
	}
	o.cfg.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, "peers-bench: "+format+"\n", args...) }
	if o.short {
		o.shorten()
	}
	return o.cfg.Validate()
}

// shorten makes short what no flag says.
func (o *options) shorten() {
	given := make(map[string]bool)
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["duration"] {
		o.cfg.Duration = time.Second
	}
	if !given["warmup"] {
		o.cfg.Warmup = 300 * time.Millisecond
	}
	if !given["rounds"] {
		o.cfg.Rounds = 1
	}
	if !given["retries"] {
		o.cfg.Retries = 0
	}
}

// conditions are what the figures are taken under.
func (o *options) conditions() string {
	text := fmt.Sprintf("%s, %s/%s, %d processors, %s. Three processes and a load of each system on this one machine, fsync on, each system's defaults; "+
		"values of 128 bytes, 10,000 keys, a closed loop, %v measured after %v; each system has its turn in each round, of which there are %d; medians of each column by itself, "+
		"errors and other CPU the greatest. wraft: native Go client, mTLS, the kv machine of %s in WASM; the others: no TLS, a map in Go or etcd's store.",
		time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), o.cfg.Duration, o.cfg.Warmup, o.cfg.Rounds, o.cfg.Guest)
	if o.note != "" {
		text += " " + o.note
	}
	return text
}
