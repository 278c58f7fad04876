// Command nemesis sets up three nodes on this machine, causes all kinds of trouble while
// clients work, and judges what they saw. Its last line is stable:
//
//	nemesis: ops=N lost=0 doubled=0 illegal=0 unknown=0 faults=N
//
// It exits 1 when anything is lost, doubled or not to be explained, or the cluster did not
// come back; the folder with the nodes' logs then stays and is named, with a drawing of the
// first key without an order.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/wraft/wraft/conformance/nemesis"
)

func main() {
	lasts := flag.Duration("budget", time.Minute, "how long trouble lasts")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "chooses the troubles and their order")
	faults := flag.String("faults", "", "names of the troubles to choose from, with commas (default all: "+strings.Join(nemesis.Faults(), ", ")+")")
	bug := flag.String("bug", "", "plant a bug of package raft/mutant in the nodes")
	flag.Parse()
	if *lasts <= 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "nemesis: -budget must be above 0, and there are no arguments")
		os.Exit(2)
	}
	dir, err := os.MkdirTemp("", "wraft-nemesis-")
	if err == nil {
		cfg := nemesis.Config{Dir: dir, Lasts: *lasts, Seed: *seed, Bug: *bug, Log: func(format string, args ...any) {
			fmt.Printf(format+"\n", args...)
		}}
		if *faults != "" {
			cfg.Faults = strings.Split(*faults, ",")
		}
		err = run(cfg)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "nemesis: seed %d: %v\nnemesis: the nodes' folders are in %s\n", *seed, err, dir)
		os.Exit(1)
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "nemesis:", err)
	}
}

// grace is what a run may take beside its trouble, with all that a busy machine makes of it.
const grace = 10 * time.Minute

func run(cfg nemesis.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, cfg.Lasts+grace)
	defer cancel()
	fmt.Printf("nemesis: seed %d\n", cfg.Seed)
	r, err := nemesis.Run(ctx, cfg)
	if err != nil {
		return err
	}
	for _, name := range nemesis.Faults() {
		fmt.Printf("%6d  %s\n", r.Struck[name], name)
	}
	fmt.Println("took effect:", r.Acts)
	for _, p := range r.Problems {
		fmt.Println(p)
	}
	fmt.Println(r)
	if !r.OK() {
		return fmt.Errorf("%d problems; drawing: %q", len(r.Problems), r.Drawing)
	}
	return nil
}
