// Command bigsnapshot brings machines with much state to a node that was away, over
// links that are cut, and prints what it cost. Its last line is stable:
//
//	bigsnapshot: bytes=N cuts=N received=1.000x p99_before=Nms p99=Nms p99_ratio=N writes=N elections=N took=Ns
//
// It exits 1 when the node does not catch up, holds something else than the others, or
// was sent more than 1.05 times the bytes of the snapshots; the folder with the nodes' logs
// then stays and is named.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/bigsnapshot"
)

func main() {
	cfg := &bigsnapshot.Config{Log: func(format string, args ...any) { fmt.Printf(format+"\n", args...) }}
	cfg.StateMiB, cfg.Snapshot = 128, client.SnapshotImage
	flag.Func("state", "state of all machines together, in MiB or GiB (default 128MiB)", func(text string) (err error) {
		cfg.StateMiB, err = parseMiB(text)
		return err
	})
	flag.IntVar(&cfg.Machines, "machines", 2, "how many machines there are")
	flag.IntVar(&cfg.Cuts, "cuts", 5, "how often the links are cut, at least 3")
	flag.Func("snapshot", "of what snapshots are made: image or export (default image)", func(text string) error {
		cfg.Snapshot = client.SnapshotMode(text)
		if cfg.Snapshot != client.SnapshotImage && cfg.Snapshot != client.SnapshotExport {
			return errors.New("image or export is wanted")
		}
		return nil
	})
	flag.IntVar(&cfg.RateKiB, "rate", 32<<10, "KiB that a node sends in a second")
	flag.DurationVar(&cfg.Baseline, "baseline", 10*time.Second, "how long writes are measured before")
	flag.BoolVar(&cfg.Apart, "apart", false, "the receiver and the relays have one processor, all others the rest, as on other machines")
	flag.StringVar(&cfg.Disk, "disk", "", "folder on another disk for the receiver's data, as on another machine")
	loadOf := flag.String("load-of", "", "be the load of the cluster in this folder only, on the machines named as arguments, until the input ends")
	endpoints := flag.String("endpoints", "", "addresses that the load writes to, with commas")
	limit := flag.Duration("limit", 10*time.Minute, "after which all is given up")
	flag.Parse()
	if *loadOf != "" {
		if err := bigsnapshot.Load(context.Background(), *loadOf, strings.Split(*endpoints, ","), flag.Args(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if cfg.Apart && runtime.NumCPU() < 2 {
		fmt.Fprintln(os.Stderr, "bigsnapshot: -apart needs two processors")
		os.Exit(2)
	}
	if cfg.StateMiB < cfg.Machines || cfg.Machines < 1 || cfg.Cuts < 3 || cfg.RateKiB < 64 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bigsnapshot: a MiB per machine, 3 cuts and 64 KiB a second are the least, and there are no arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, *limit)
	dir, err := os.MkdirTemp("", "wraft-bigsnapshot-")
	if err == nil {
		err = run(ctx, dir, cfg)
	}
	cancel()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bigsnapshot: %v\nbigsnapshot: the nodes' folders are in %s\n", err, dir)
		os.Exit(1)
	}
	if err := bigsnapshot.CleanUp(dir, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "bigsnapshot:", err)
	}
}

// parseMiB reads a whole number of MiB or GiB.
func parseMiB(text string) (int, error) {
	digits, factor := strings.TrimSuffix(text, "MiB"), 1
	if g, ok := strings.CutSuffix(text, "GiB"); ok {
		digits, factor = g, 1024
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > 64<<10 {
		return 0, fmt.Errorf("%.20q is no number of MiB or GiB up to 64GiB", text)
	}
	return n * factor, nil
}

func run(ctx context.Context, dir string, cfg *bigsnapshot.Config) (err error) {
	defer func() {
		if cfg.Cluster != nil {
			err = errors.Join(err, cfg.Cluster.KillAll())
		}
		if cfg.Links != nil {
			err = errors.Join(err, cfg.Links.Close())
		}
	}()
	if err := bigsnapshot.SetUp(ctx, dir, cfg); err != nil {
		return err
	}
	result, err := bigsnapshot.Run(ctx, cfg)
	if err == nil {
		err = result.Err()
	}
	fmt.Println(result)
	return err
}
