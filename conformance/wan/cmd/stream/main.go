// Command stream measures how much of a link a snapshot uses that one node fetches from
// another, alone or beside a TCP flow. Its last line is stable:
//
//	wan-snapshot: size=NMiB mbit=N used=N% parity=N% fell=N repaired=N quic_lost=N [tcp_mbit=N tcp=N%]
//
// The link between the two ends is somebody else's; see conformance/wan/snapshot.sh.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/wraft/wraft/conformance/wan/stream"
	"github.com/wraft/wraft/transport/fec"
)

// timeMax bounds a run.
const timeMax = 30 * time.Minute

func main() {
	cfg, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, timeMax)
	r, err := stream.Run(ctx, cfg)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(r)
}

func parse(args []string) (cfg stream.Config, err error) {
	f := flag.NewFlagSet("stream", flag.ContinueOnError)
	f.StringVar(&cfg.From.Namespace, "from", "", "network namespace that serves the file")
	f.StringVar(&cfg.To.Namespace, "to", "", "network namespace that fetches it")
	f.StringVar(&cfg.From.IP, "from-ip", "", "address there (127.0.0.1)")
	f.StringVar(&cfg.To.IP, "to-ip", "", "address there (127.0.0.1)")
	mib := f.Int64("mib", 256, "size of the file in MiB")
	mbit := f.Float64("mbit", 100, "rate of the link, which shares are of")
	mode := f.String("fec", "auto", "auto, on or off: whether losses are repaired")
	f.DurationVar(&cfg.Duration, "duration", 0, "measure for this time instead of to the end of the file")
	f.DurationVar(&cfg.Warmup, "warmup", 5*time.Second, "time before that")
	f.BoolVar(&cfg.TCP, "tcp", false, "have a TCP flow compete; needs -duration")
	verbose := f.Bool("v", false, "a line each second")
	if err := f.Parse(args); err != nil {
		return cfg, fmt.Errorf("stream: %w", err)
	}
	if f.NArg() > 0 {
		return cfg, errors.New("stream: there are no arguments")
	}
	cfg.Size, cfg.LinkBits, cfg.Mode = *mib<<20, *mbit*1e6, fec.Mode(*mode)
	if *verbose {
		cfg.Log = func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	}
	return cfg, cfg.Validate()
}
