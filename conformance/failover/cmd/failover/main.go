// Command failover kills the leader of a counter with -9 for a number of rounds, under
// load, and prints how long nobody was answered. Its last line is stable:
//
//	failover: median_ms=N max_ms=N lost=0
//
// It exits 1 when anything that was answered is lost or doubled, or the cluster did not
// come back; the folder with the nodes' logs then stays and is named.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/failover"
)

func main() {
	rounds := flag.Int("rounds", 20, "how many leaders are struck")
	cut := flag.Bool("cut", false, "cut the leader's links instead of killing it")
	protocol := flag.String("protocol", string(client.ProtocolAuto), "how the clients speak to nodes: auto, http or native")
	flag.Parse()
	if *rounds < 1 || flag.NArg() > 0 || !client.Protocol(*protocol).Valid() {
		fmt.Fprintln(os.Stderr, "failover: -rounds must be at least 1, -protocol auto, http or native, and there are no arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	dir, err := os.MkdirTemp("", "wraft-failover-")
	if err == nil {
		err = run(ctx, failover.Config{Dir: dir, Rounds: *rounds, Cut: *cut, Protocol: client.Protocol(*protocol), Log: func(format string, args ...any) {
			fmt.Printf(format+"\n", args...)
		}})
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "failover: %v\nfailover: the nodes' folders are in %s\n", err, dir)
		os.Exit(1)
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "failover:", err)
	}
}

// roundTime bounds a round, with all that a busy machine may make of it.
const roundTime = time.Minute

func run(ctx context.Context, cfg failover.Config) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute+time.Duration(cfg.Rounds)*roundTime)
	defer cancel()
	result, err := failover.Run(ctx, cfg)
	if err == nil {
		fmt.Println(result)
	}
	return err
}
