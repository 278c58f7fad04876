// Command wan measures three nodes in three regions whose links lose packets, over
// relays on this machine, and prints what clients beside the leader see. Its last line
// is stable:
//
//	wan: loss=2% rtt_ms=70 p50_ms=N p99_ms=N ops=N elections=N
//
// It exits 1 when anything that was acknowledged is lost, or nothing was; with -calm
// also after an election. The folder with the nodes' logs then stays and is named.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/wan"
	"github.com/wraft/wraft/internal/relay"
)

func main() {
	cfg, calm, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	cfg.Dir, err = os.MkdirTemp("", "wraft-wan-")
	if err == nil {
		err = run(ctx, cfg, calm)
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "wan: %v\nwan: the nodes' folders are in %s\n", err, cfg.Dir)
		os.Exit(1)
	}
	if err := os.RemoveAll(cfg.Dir); err != nil {
		fmt.Fprintln(os.Stderr, "wan:", err)
	}
}

func parse(args []string) (cfg wan.Config, calm bool, err error) {
	f := flag.NewFlagSet("wan", flag.ContinueOnError)
	f.Func("loss", "share of packets that each link loses, each way (0%)", func(text string) (err error) {
		cfg.Path.Loss, err = relay.ParseShare(text)
		return err
	})
	f.Func("burst", "lose them in bursts of so many packets (4) or such a time (30ms)", func(text string) error { return cfg.Path.ParseBurst(text) })
	f.Func("reorder", "share of packets that others overtake (0%)", func(text string) (err error) {
		cfg.Path.Reorder, err = relay.ParseShare(text)
		return err
	})
	f.Func("duplicate", "share of packets that arrive twice (0%)", func(text string) (err error) {
		cfg.Path.Duplicate, err = relay.ParseShare(text)
		return err
	})
	f.DurationVar(&cfg.RTT, "rtt", 0, "round trip of all links (70, 80 and 140 ms, between three regions)")
	f.DurationVar(&cfg.Path.Jitter, "jitter", 0, "what may come on top of a packet's time")
	f.StringVar(&cfg.FEC, "fec", "auto", "auto, on or off: whether nodes repair losses")
	f.BoolVar(&cfg.Step, "step", false, "lose nothing, then that, then nothing, a third of the time each")
	down := f.Uint64("down", 0, "a follower that does not run, 2 or 3")
	f.IntVar(&cfg.Clients, "clients", 0, "writes under way at once (16; with -rate at most 512)")
	f.IntVar(&cfg.Rate, "rate", 0, "writes a second, on a schedule that does not wait for answers; 0: closed loop")
	f.IntVar(&cfg.ValueBytes, "value", 128, "bytes of a value")
	f.DurationVar(&cfg.Duration, "duration", 20*time.Second, "measured time")
	f.DurationVar(&cfg.Warmup, "warmup", 5*time.Second, "time before it")
	f.DurationVar(&cfg.Heartbeat, "heartbeat", 0, "of the nodes (150ms)")
	f.DurationVar(&cfg.ElectionTimeout, "election", 0, "election timeout of the nodes (1.5s)")
	f.Uint64Var(&cfg.Seed, "seed", 1, "of what the links lose")
	f.BoolVar(&calm, "calm", false, "an election is an error")
	if err := f.Parse(args); err != nil {
		return cfg, calm, fmt.Errorf("wan: %w", err)
	}
	if f.NArg() > 0 {
		return cfg, calm, errors.New("wan: there are no arguments")
	}
	cfg.Down = client.NodeID(*down)
	cfg.Log = func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	return cfg, calm, cfg.Validate()
}

// setUpTime bounds everything but the measured time, on a busy machine.
const setUpTime = 5 * time.Minute

func run(ctx context.Context, cfg wan.Config, calm bool) error {
	ctx, cancel := context.WithTimeout(ctx, setUpTime+cfg.Warmup+cfg.Duration)
	defer cancel()
	before := busy()
	r, err := wan.Run(ctx, cfg)
	if err != nil {
		return err
	}
	for _, l := range r.Links {
		fmt.Println(l)
	}
	if r.Steps != nil {
		fmt.Println(r.Steps)
	}
	fmt.Printf("writes: %.0f/s refused=%d fec=%s down=%d value=%d lost=%d machine's load %s before, %s after\n",
		float64(r.Ops)/r.Seconds, r.Refused, cfg.FEC, cfg.Down, cfg.ValueBytes, r.Lost, before, busy())
	fmt.Println(r)
	if err := r.Err(); err != nil {
		return err
	}
	if calm && r.Elections != 0 {
		return fmt.Errorf("%d elections", r.Elections)
	}
	return nil
}

// busy is the machine's load average of the last minute, where the system tells it.
func busy() string {
	text, err := os.ReadFile("/proc/loadavg")
	if first, _, ok := strings.Cut(string(text), " "); err == nil && ok {
		return first
	}
	return "unknown"
}
