// Command killstorm sets up three nodes with a key-value machine, kills their
// processes for a number of rounds while clients work, and prints what became of
// the clients' operations. Its last line is stable:
//
//	killstorm: rounds=N ops=N lost=0 doubled=0 unknown=0
//
// It exits 1 when anything is lost, doubled or not to be explained, or the cluster
// did not come back; the folder with the nodes' logs then stays and is named, with
// a drawing of the first key without an order.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/wraft/wraft/conformance/history"
	"github.com/wraft/wraft/conformance/killstorm"
)

func main() {
	rounds := flag.Int("rounds", 20, "how often processes are killed")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "chooses the victims and their moments")
	flag.Parse()
	if *rounds < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "killstorm: -rounds must be at least 1, and there are no arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	dir, err := os.MkdirTemp("", "wraft-killstorm-")
	if err == nil {
		err = run(ctx, dir, *rounds, *seed)
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "killstorm: seed %d: %v\nkillstorm: the nodes' folders are in %s\n", *seed, err, dir)
		os.Exit(1)
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "killstorm:", err)
	}
}

// roundTime bounds a round, with all that a busy machine may make of it.
const roundTime = time.Minute

func run(ctx context.Context, dir string, rounds int, seed uint64) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute+time.Duration(rounds)*roundTime)
	defer cancel()
	c, err := killstorm.SetUp(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Printf("killstorm: seed %d\n", seed)
	result, err := killstorm.Run(ctx, killstorm.Config{Cluster: c, Rounds: rounds, Seed: seed, Log: func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
	}})
	if err := errors.Join(err, c.KillAll()); err != nil {
		return err
	}
	fmt.Printf("killed %d processes, %d of %d operations were answered\n", result.Kills, result.Answered(), result.Ops())
	fmt.Printf("snapshots: taken %d, replicas begun from one %d, logs replaced %d\n", result.Snapshots.Taken, result.Snapshots.Restored, result.Snapshots.Installed)
	for i, report := range result.Reports {
		if !report.OK() {
			err = errors.Join(err, keep(filepath.Join(dir, fmt.Sprintf("history-%d.html", i)), report))
		}
	}
	fmt.Println(result)
	return err
}

// keep writes down what was wrong.
func keep(file string, r *history.Report) error {
	for _, p := range r.Problems {
		fmt.Println(p)
	}
	err := fmt.Errorf("%d problems", len(r.Problems))
	drawing, createErr := os.Create(file)
	if createErr != nil {
		return errors.Join(err, createErr)
	}
	_, drawErr := r.Draw(drawing)
	return errors.Join(err, drawErr, drawing.Close())
}
