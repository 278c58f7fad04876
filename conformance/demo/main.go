// Command demo shows what wraft is for, on this machine and in under a minute: it
// starts three real nodes, deploys the counter, sends increments through all of
// them, kills the leader with -9 in the middle, goes on, starts it again, and
// compares what the nodes hold afterwards. It exits 0 only if nothing was lost or
// doubled and all nodes agree; then and otherwise it ends what it started.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wraft/wraft/conformance/cluster"
)

// timeout is how long the whole demo may take.
const timeout = 5 * time.Minute

func main() {
	var s show
	flag.StringVar(&s.wraftd, "wraftd", "", "path of wraftd; built when empty")
	flag.StringVar(&s.module, "module", "", "path of counter.wasm; built when empty")
	flag.IntVar(&s.increments, "increments", 1000, "how many, at least 10")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.out = os.Stdout
	if err := inTempDir(ctx, &s); err != nil {
		fmt.Fprintf(os.Stderr, "demo: FAILED: %v\n", err)
		os.Exit(1)
	}
}

// inTempDir runs the show in a folder that is gone afterwards, unless it failed:
// then the nodes' logs in it tell why.
func inTempDir(ctx context.Context, s *show) error {
	dir, err := os.MkdirTemp("", "wraft-demo-")
	if err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	if err := build(ctx, dir, s); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.run(ctx, filepath.Join(dir, "cluster")); err != nil {
		return fmt.Errorf("%w\nthe nodes' folders with their logs are kept in %s", err, dir)
	}
	return os.RemoveAll(dir)
}

// build makes what the flags did not name.
func build(ctx context.Context, dir string, s *show) (err error) {
	if s.wraftd == "" {
		if s.wraftd, err = cluster.Build(ctx, dir); err != nil {
			return err
		}
	}
	if s.module == "" {
		s.module = filepath.Join(dir, "counter.wasm")
		return cluster.BuildModule(ctx, "examples/wasm-counter", s.module)
	}
	return nil
}
