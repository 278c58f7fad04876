package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/trial"
)

const (
	trialDuration = 30 * time.Second
	trialPatience = 2 * time.Minute
	trialClients  = 12
)

func (p *Program) conformanceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "conformance",
		Short: "Put a running cluster on trial: is anything lost, doubled or out of order?",
		Long: "Deploys a key-value machine of its own, has clients work with it for --duration, judges every answer\n" +
			"and deletes the machine. Clients write in sessions, under idempotency keys, in batches and without\n" +
			"either, and read linearizably, by lease where the cluster allows it, and with a bound on staleness.\n" +
			"There has to be an order that explains every answer, and whatever was acknowledged must be there, once.\n" +
			"It causes no trouble. Cause some meanwhile, the verdict must be the same: kill nodes, cut links, fill\n" +
			"disks. The machine takes its share of the cluster while it is there; others are left alone. Its last\n" +
			"line is stable. The exit code is 9 when anything is broken; --drawing then has the first key without an\n" +
			"order. An interrupt ends the work early, and what was done is judged.",
		Example: "  wraftd conformance --duration 10m\n  wraftd conformance --clients 64 -o json",
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, trialPatience)
	cmd.Flag("timeout").Usage = "bound of one operation with its repeats: the longest outage that is waited for"
	f := cmd.Flags()
	cfg := trial.Config{}
	f.DurationVar(&cfg.Lasts, "duration", trialDuration, "how long the clients work")
	f.IntVar(&cfg.Operations, "operations", 0, "end when so many are answered (default: no bound)")
	f.IntVar(&cfg.Workers, "clients", trialClients, "clients that work at once")
	f.StringVar(&cfg.Machine, "name", "", "the machine's name (default: conformance and the time)")
	f.BoolVar(&cfg.Keep, "keep", false, "leave the machine there")
	f.Uint64Var(&cfg.Seed, "seed", 1, "seed of the choice of operations and keys")
	drawing := f.String("drawing", "conformance.html", "where to draw the first key without an order, if there is one")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case cfg.Lasts <= 0:
			return usage("--duration %v: must be above 0", cfg.Lasts)
		case cfg.Operations < 0:
			return usage("--operations %d: must not be below 0", cfg.Operations)
		case cfg.Workers < 1:
			return usage("--clients %d: must be above 0", cfg.Workers)
		case cfg.Machine == "":
			cfg.Machine = p.Now().UTC().Format("conformance-20060102-150405")
		}
		if err := client.CheckMachineName(cfg.Machine); err != nil {
			return nameFlag(err)
		}
		return p.try(cmd, conn, cfg, *drawing)
	}
	return cmd
}

// try makes the clients, one for each protocol, runs the trial and prints the verdict.
func (p *Program) try(cmd *cobra.Command, conn *connection, cfg trial.Config, drawing string) error {
	if err := p.resolve(cmd, conn); err != nil {
		return err
	}
	for _, conn.protocol = range []client.Protocol{client.ProtocolAuto, client.ProtocolHTTP} {
		cl, err := conn.open()
		if err != nil {
			return err
		}
		defer cl.Close()
		cfg.Clients = append(cfg.Clients, cl)
	}
	cfg.Prefix, cfg.Patience = cfg.Machine+"/", conn.timeout
	cfg.Progress = func(answered int) { fmt.Fprintf(p.Stderr, "%d operations answered\n", answered) }
	r, err := trial.Run(cmd.Context(), cfg)
	if r.Ops == 0 && err != nil {
		return err
	}
	if err := p.printTrial(cmd, r); err != nil {
		return err
	}
	if err != nil || r.OK() {
		return err
	}
	return brokenPromises(r, drawing)
}

func (p *Program) printTrial(cmd *cobra.Command, r trial.Result) error {
	if outputOf(cmd) == formatTable {
		for _, problem := range r.Problems {
			fmt.Fprintln(p.Stdout, problem)
		}
		fmt.Fprintln(p.Stdout, r)
		return nil
	}
	return p.print(cmd, view{value: r, names: []string{r.Machine}})
}

// brokenPromises draws what is wrong, if it can be drawn, and says so.
func brokenPromises(r trial.Result, drawing string) error {
	problem := client.NewProblem(client.CodeChecksFailed, "the cluster has broken a promise: %s", strings.TrimPrefix(r.String(), "conformance: ")).
		WithHint("Keep the nodes' data and logs: wraftd debug bundle.")
	out, err := os.Create(drawing)
	if err != nil {
		return localFileError(err)
	}
	drawn, err := r.Draw(out)
	if closed := out.Close(); err == nil {
		err = closed
	}
	switch {
	case err != nil:
		return localFileError(err)
	case !drawn:
		if err := os.Remove(drawing); err != nil {
			return localFileError(err)
		}
		return problem
	}
	return problem.WithHint("Keep the nodes' data and logs (wraftd debug bundle); the first key without an order is drawn in %s.", drawing)
}
