package cli

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

func (p *Program) pluginRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [DIR|FILE]",
		Short: "Run a plugin's machine here, without a cluster",
		Long: "Runs the machine of a project or module in this process: the commands and queries of --call and\n" +
			"--query in their order, or the lines of standard input as in a scenario (call, also, query, time,\n" +
			"export). Prints what happened as a scenario that expects it, or with -o json a line for each step.\n" +
			"Data is text, a string in quotes, or bytes as in \"hex: 00 ff\". With --state the machine begins with\n" +
			"the state in the file, if there is one, and leaves its state there.",
		Example: "  wraftd plugin run --call incr --call 'add 41' --query get\n" +
			"  echo 'call incr' | wraftd plugin run counter.wasm --state counter.state -o json",
	}
	pluginArgs(cmd)
	var steps stepFlags
	cmd.Flags().Var(steps.flag("call"), "call", "a command; may be repeated")
	cmd.Flags().Var(steps.flag("query"), "query", "a query; may be repeated")
	state := cmd.Flags().String("state", "", "the file that keeps the machine's state")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t, err := targetOf(args)
		if err != nil {
			return err
		}
		binary, err := t.read()
		if err != nil {
			return err
		}
		f, err := p.steps(steps)
		if err != nil {
			return err
		}
		return withEngine(cmd.Context(), func(engine *plugins.Engine) error { return p.runLocally(cmd, engine, binary, f, *state) })
	}
	return cmd
}

// stepFlags are the lines that flags make, in the order of the command line.
type stepFlags struct{ lines []string }

func (s *stepFlags) flag(word string) *stepFlag { return &stepFlag{s, word} }

// stepFlag is one of the flags.
type stepFlag struct {
	steps *stepFlags
	word  string
}

// Set adds a line.
func (f *stepFlag) Set(text string) error {
	if strings.ContainsAny(text, "\r\n") {
		return errors.New("one line only; write line breaks as \\n in quotes")
	}
	f.steps.lines = append(f.steps.lines, f.word+" "+text)
	return nil
}

// String is empty, so that the help shows no default.
func (f *stepFlag) String() string { return "" }

// Type is the word the help shows.
func (f *stepFlag) Type() string { return "data" }

// steps are those of the flags, or of standard input.
func (p *Program) steps(flags stepFlags) (*scenario.File, error) {
	if len(flags.lines) > 0 {
		f, err := scenario.Parse("command line", []byte(strings.Join(flags.lines, "\n")))
		return f, scenarioProblem(err)
	}
	text, err := io.ReadAll(io.LimitReader(p.Stdin, argumentBytesMax))
	if err != nil {
		return nil, client.NewProblem(client.CodeLocalFile, "standard input: %v", err).WithCause(err)
	}
	f, err := scenario.Parse("standard input", text)
	return f, scenarioProblem(err)
}

// runLocally performs the steps on a machine of its own.
func (p *Program) runLocally(cmd *cobra.Command, engine *plugins.Engine, binary []byte, f *scenario.File, stateFile string) error {
	ctx := cmd.Context()
	module, err := engine.Compile(ctx, binary)
	if err != nil {
		return err
	}
	machine, err := engine.NewInstance(ctx, module, plugins.InstanceConfig{Created: scenario.Start})
	if err != nil {
		return err
	}
	defer machine.Close(context.WithoutCancel(ctx))
	at, err := loadState(ctx, machine, stateFile)
	if err != nil {
		return err
	}
	failed := error(nil)
	at, err = scenario.Perform(ctx, machine, f, at, func(s scenario.Step, a scenario.Answer) error {
		for _, r := range a.Results {
			failed = firstProblem(failed, r)
		}
		return p.printStep(cmd, s, a)
	})
	if err == nil {
		err = saveState(ctx, machine, stateFile, at)
	}
	return errors.Join(err, failed)
}

// firstProblem is the problem of a result, unless there was one before.
func firstProblem(before error, r plugins.Result) error {
	if before != nil || r.Status == plugins.StatusOK {
		return before
	}
	code := map[int32]client.Code{
		plugins.StatusTrap: client.CodeMachineTrapped, plugins.StatusMalformed: client.CodeMachineTrapped, plugins.StatusLimits: client.CodeMachineTrapped,
		plugins.StatusFuel: client.CodeOutOfFuel, plugins.StatusStack: client.CodeStackExhausted,
	}[r.Status]
	if code == "" {
		code = client.CodeMachineRejected
	}
	return client.NewProblem(code, "status %d: %s", r.Status, scenario.Show(r.Data))
}

// stepShown is a step as -o json shows it. Data that is text is in Text, other in
// Hex.
type stepShown struct {
	Kind    string       `json:"kind"`
	Input   *dataShown   `json:"input,omitempty"`
	Status  *int32       `json:"status,omitempty"`
	Answer  *dataShown   `json:"answer,omitempty"`
	Events  []*dataShown `json:"events,omitempty"`
	Refusal string       `json:"refusal,omitempty"`
}

type dataShown struct {
	Text *string `json:"text,omitempty"`
	Hex  string  `json:"hex,omitempty"`
}

func showData(b []byte) *dataShown {
	if utf8.Valid(b) {
		text := string(b)
		return &dataShown{Text: &text}
	}
	return &dataShown{Hex: hex.EncodeToString(b)}
}

// printStep prints one step: as a scenario, or for programs a value for each of its answers.
func (p *Program) printStep(cmd *cobra.Command, s scenario.Step, a scenario.Answer) error {
	if !structured(cmd) {
		return scenario.Record(p.Stdout, s, a)
	}
	kind := map[scenario.Kind]string{scenario.Call: "call", scenario.Query: "query", scenario.Time: "time", scenario.Export: "export"}[s.Kind]
	if s.Kind == scenario.Export {
		shown := stepShown{Kind: kind, Answer: showData(a.State)}
		if a.Refusal != nil {
			shown.Answer, shown.Refusal = nil, a.Refusal.Error()
		}
		return p.printLine(cmd, line{value: shown})
	}
	for i, r := range a.Results {
		shown := stepShown{Kind: kind, Input: showData(s.Asks[i].Data), Status: &r.Status, Answer: showData(r.Data)}
		if i == len(a.Results)-1 {
			for _, e := range a.Events {
				shown.Events = append(shown.Events, showData(e))
			}
		}
		if err := p.printLine(cmd, line{value: shown}); err != nil {
			return err
		}
	}
	return nil
}

// stateHeader starts a state's file: the version of the module that wrote it, and
// the moment of the next entry. The machine's export follows.
const stateHeader = "wraft state: version=%d index=%d time=%d\n"

// loadState gives the machine the state of a file; without one it stays as new.
func loadState(ctx context.Context, machine *plugins.Instance, file string) (plugins.Moment, error) {
	at := scenario.Start
	if file == "" {
		return at, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return at, nil
	}
	if err != nil {
		return at, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	head, state, _ := bytes.Cut(text, []byte("\n"))
	var version uint32
	if _, err := fmt.Sscanf(string(head)+"\n", stateHeader, &version, &at.Index, &at.Time); err != nil {
		return at, client.NewProblem(client.CodeLocalFile, "%s holds no state that plugin run wrote: %v", file, err).WithCause(err)
	}
	return at, machine.Import(ctx, at, bytes.NewReader(state), version)
}

// saveState leaves the machine's state in the file, whole or not at all.
func saveState(ctx context.Context, machine *plugins.Instance, file string, next plugins.Moment) error {
	if file == "" {
		return nil
	}
	version, err := machine.Version(ctx)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, stateHeader, version, next.Index, next.Time)
	if err := machine.Export(ctx, &b); err != nil {
		return err
	}
	temporary := file + ".new"
	err = os.WriteFile(temporary, b.Bytes(), 0o600)
	if err == nil {
		err = os.Rename(temporary, file)
	}
	if err != nil {
		return client.NewProblem(client.CodeLocalFile, "%v", errors.Join(err, os.Remove(temporary))).WithCause(err)
	}
	return nil
}
