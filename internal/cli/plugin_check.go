package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/plugins"
)

// checkOptions are the flags of plugin test.
type checkOptions struct {
	lang      string
	from      string
	scenarios []string
	noBuild   bool
	kit       abi.Options
}

func (p *Program) pluginTestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [DIR|FILE]",
		Short: "Play a plugin's scenarios and check that it keeps the guest ABI",
		Long: "Builds the project in DIR (default: the working directory), or takes the module FILE as it is, and\n" +
			"puts it through every check of the ABI kit: the scenarios (DIR/scenarios/*.scenario), replay of the\n" +
			"same log on two machines, a start from images, commands that fail among others, export and restore,\n" +
			"an upgrade from an earlier module, fuel for each command, hostile input. A failed check says what\n" +
			"to do; the exit code is then 9.",
		Example: "  wraftd plugin test\n  wraftd plugin test --from v1.wasm\n  wraftd plugin test counter.wasm --scenario counting.scenario",
	}
	pluginArgs(cmd)
	var o checkOptions
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "an earlier module, whose state this one must take over")
	f.StringArrayVar(&o.scenarios, "scenario", nil, "one more scenario; may be repeated")
	f.BoolVar(&o.noBuild, "no-build", false, "take the project's module as it lies there")
	f.IntVar(&o.kit.Commands, "commands", 512, "commands of the longer checks")
	f.IntVar(&o.kit.Fuzz, "fuzz", 256, "hostile inputs of each kind")
	f.Uint64Var(&o.kit.Seed, "seed", 1, "seed of all chance")
	f.Int64Var(&o.kit.Limits.FuelCommandMax, "fuel", 100_000_000, "most fuel of a command; a cluster's default is 5000000000")
	lang := languageFlag(cmd, "the language, if the project could be of several: ", toolchain.Languages())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.lang = *lang
		if o.kit.Commands < 1 || o.kit.Fuzz < 1 || o.kit.Limits.FuelCommandMax < 1 {
			return usage("--commands, --fuzz and --fuel: must be above 0")
		}
		s, err := p.checkSubject(cmd, args, o)
		if err != nil {
			return err
		}
		return withEngine(cmd.Context(), func(engine *plugins.Engine) error {
			r, err := abi.Run(cmd.Context(), engine, s, o.kit)
			if err != nil {
				return err
			}
			return p.printReport(cmd, s, r)
		})
	}
	return cmd
}

// checkSubject builds and reads what the test is about.
func (p *Program) checkSubject(cmd *cobra.Command, args []string, o checkOptions) (abi.Subject, error) {
	t, err := targetOf(args)
	if err != nil {
		return abi.Subject{}, err
	}
	if !o.noBuild {
		if _, err := t.build(cmd.Context(), o.lang); err != nil {
			return abi.Subject{}, err
		}
	}
	s, err := t.subject(o.scenarios)
	if err != nil {
		return s, err
	}
	if o.from != "" {
		if s.Old, err = os.ReadFile(o.from); err != nil {
			return s, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
		}
	}
	return s, nil
}

// checkShown is one outcome as -o json shows it.
type checkShown struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Detail string `json:"detail,omitempty"`
	Why    string `json:"why"`
	Advice string `json:"advice,omitempty"`
	Millis int64  `json:"ms"`
}

// fuelShown is the fuel of one command.
type fuelShown struct {
	Command string `json:"command"`
	Status  int32  `json:"status"`
	Fuel    int64  `json:"fuel"`
}

// reportShown is a report.
type reportShown struct {
	Module  string       `json:"module"`
	Digest  string       `json:"digest"`
	Passed  int          `json:"passed"`
	Failed  int          `json:"failed"`
	Skipped int          `json:"skipped"`
	Checks  []checkShown `json:"checks"`
	Fuel    []fuelShown  `json:"fuel"`
}

func shownReport(s abi.Subject, r *abi.Report) reportShown {
	out := reportShown{Module: s.Name, Digest: string(client.DigestOf(s.Binary)), Fuel: []fuelShown{}}
	out.Passed, out.Failed, out.Skipped = r.Counts()
	for _, o := range r.Outcomes {
		c := checkShown{Name: o.Check, Result: "ok", Detail: o.Detail, Why: o.Why, Millis: o.Took.Milliseconds()}
		if o.Failure != nil {
			c.Result, c.Detail, c.Advice = "failed", o.Failure.Saw, o.Failure.Do
		} else if o.Skipped != "" {
			c.Result, c.Detail = "skipped", o.Skipped
		}
		out.Checks = append(out.Checks, c)
	}
	for _, f := range r.Fuel {
		out.Fuel = append(out.Fuel, fuelShown{scenario.Show(f.Command), f.Status, f.Fuel})
	}
	return out
}

// fuelRowsMax is how many commands the table shows; -o json has all.
const fuelRowsMax = 20

// printReport shows the checks and what commands cost, and fails if one did.
func (p *Program) printReport(cmd *cobra.Command, s abi.Subject, r *abi.Report) error {
	shown := shownReport(s, r)
	if outputOf(cmd) == formatTable {
		fmt.Fprint(p.Stdout, r)
		if len(s.Scenarios) > 0 && len(shown.Fuel) > 0 {
			fmt.Fprintln(p.Stdout)
			var rows [][]any
			for _, f := range shown.Fuel[:min(fuelRowsMax, len(shown.Fuel))] {
				rows = append(rows, []any{f.Fuel, f.Status, f.Command})
			}
			p.printTable([]string{"fuel", "status", "command"}, rows)
		}
		fmt.Fprintf(p.Stdout, "\nplugin test: passed=%d failed=%d skipped=%d\n", shown.Passed, shown.Failed, shown.Skipped)
	} else if err := p.print(cmd, view{value: shown, names: failedNames(r)}); err != nil {
		return err
	}
	if r.OK() {
		return nil
	}
	return client.NewProblem(client.CodeChecksFailed, "%d of %d checks", shown.Failed, shown.Passed+shown.Failed)
}

// failedNames are what -o name prints.
func failedNames(r *abi.Report) (names []string) {
	for _, o := range r.Failures() {
		names = append(names, o.Check)
	}
	return names
}

func (p *Program) pluginBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench [DIR|FILE]",
		Short: "Measure what a plugin's commands cost",
		Long: "Measures the commands of the project's scenarios in entries of 1 and of 64, its queries, and the\n" +
			"undoing of an entry, on one core of this machine and without a cluster.",
		Example: "  wraftd plugin bench\n  wraftd plugin bench counter.wasm --scenario counting.scenario --duration 5s",
	}
	pluginArgs(cmd)
	files := cmd.Flags().StringArray("scenario", nil, "one more scenario; may be repeated")
	duration := cmd.Flags().Duration("duration", 2*time.Second, "time for each figure")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *duration <= 0 {
			return usage("--duration %v: must be above 0", *duration)
		}
		t, err := targetOf(args)
		if err != nil {
			return err
		}
		s, err := t.subject(*files)
		if err != nil {
			return err
		}
		return withEngine(cmd.Context(), func(engine *plugins.Engine) error {
			figures, err := abi.Bench(cmd.Context(), engine, s, *duration)
			if err != nil {
				return err
			}
			return p.printFigures(cmd, figures)
		})
	}
	return cmd
}

func (p *Program) printFigures(cmd *cobra.Command, figures []abi.Figure) error {
	v := view{value: map[string]any{"figures": figures}, header: []string{"what", "batch", "per second", "ns each", "fuel each", "count"}}
	for _, f := range figures {
		v.rows = append(v.rows, []any{f.What, f.Batch, fmt.Sprintf("%.0f", f.PerSecond()), f.NS, f.Fuel, f.Count})
		v.names = append(v.names, fmt.Sprintf("%s/%d", f.What, f.Batch))
	}
	return p.print(cmd, v)
}
