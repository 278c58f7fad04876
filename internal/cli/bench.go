package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/bench"
	"github.com/wraft/wraft/internal/nodeconfig"
)

func (p *Program) benchCommand() *cobra.Command {
	return group("bench", "Measure throughput and latency of a key-value machine, or a link between nodes",
		p.benchLoadCommand(bench.Write, "Measure writes"), p.benchLoadCommand(bench.Read, "Measure linearizable reads"), p.benchLinkCommand())
}

func (p *Program) benchLoadCommand(op, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   op,
		Short: short,
		Long: short + " of a machine of the kv module (examples/wasm-kv): closed loop, each client sends its next\n" +
			"operation when the last is answered. Prints a table and one line of JSON; -o json prints only the line.",
		Example: fmt.Sprintf("  wraftd deploy build/kv.wasm\n  wraftd bench %s --machine kv --clients 64 --duration 10s", op),
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, 5*time.Second)
	cmd.Flag("timeout").Usage = "bound of one operation"
	f := cmd.Flags()
	machine := f.String("machine", "kv", "the machine to load")
	protocol := f.String("protocol", string(client.ProtocolAuto), "how nodes are spoken to: auto, http or native")
	c := bench.Config{Op: op}
	f.IntVar(&c.Clients, "clients", 16, "clients that send at once")
	f.IntVar(&c.Keys, "keys", 10000, "number of keys")
	f.DurationVar(&c.Duration, "duration", 10*time.Second, "measured time")
	f.DurationVar(&c.Warmup, "warmup", 2*time.Second, "unmeasured time before it")
	f.Uint64Var(&c.Seed, "seed", 1, "seed of the choice of keys")
	preload := f.Bool("preload", op == bench.Read, "first write every key once")
	value := uint64(128)
	f.Var(limitValue{value: &value}, "value", "size of a value")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if conn.protocol = client.Protocol(*protocol); !conn.protocol.Valid() {
			return usage("--protocol %q: use auto, http or native", *protocol)
		}
		if c.Warmup == 0 {
			c.Warmup = -1
		}
		c.ValueBytes, c.OpTimeout = int(min(value, uint64(nodeconfig.GiB))), conn.timeout
		if err := c.Validate(); err != nil {
			return usage("%v", err)
		}
		cl, err := p.client(cmd, conn)
		if err != nil {
			return err
		}
		defer cl.Close()
		r, err := runBench(cmd.Context(), cl, *machine, c, *preload)
		if err != nil {
			return err
		}
		return p.printBench(cmd, r)
	}
	return cmd
}

// runBench looks before it loads, so that a wrong name is one error and not
// thousands.
func runBench(ctx context.Context, cl *client.Client, machine string, c bench.Config, preload bool) (bench.Result, error) {
	kv := bench.NewKV(cl, machine)
	look, cancel := context.WithTimeout(ctx, c.OpTimeout)
	defer cancel()
	if _, _, err := kv.Get(look, []byte("key-00000000")); err != nil {
		return bench.Result{}, err
	}
	if preload {
		if err := bench.Preload(ctx, c, kv); err != nil {
			return bench.Result{}, err
		}
	}
	return bench.Run(ctx, c, kv)
}

// printBench prints the table and the line.
func (p *Program) printBench(cmd *cobra.Command, r bench.Result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("cli: encode: %w", err)
	}
	switch outputOf(cmd) {
	case formatTable:
		p.printTable([]string{"op", "clients", "ops/s", "p50", "p90", "p99", "p99.9", "max", "errors"}, [][]any{{
			r.Op, r.Clients, fmt.Sprintf("%.0f", r.OpsPerSec), millis(r.P50US), millis(r.P90US), millis(r.P99US), millis(r.P999US), millis(r.MaxUS), r.Errors,
		}})
		if r.FirstErr != "" {
			fmt.Fprintln(p.Stderr, "first error: "+r.FirstErr)
		}
		fmt.Fprintf(p.Stdout, "\n%s\n", line)
	case formatJSON:
		fmt.Fprintln(p.Stdout, string(line))
	default:
		return p.print(cmd, view{value: r, names: []string{r.Op}})
	}
	return nil
}

// millis writes microseconds as milliseconds.
func millis(us int64) string { return fmt.Sprintf("%.2fms", float64(us)/1000) }
