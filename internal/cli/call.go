package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

// callTimeout is how long call and query try by default.
const callTimeout = 10 * time.Second

// argumentBytesMax bounds what call and query read from a file or standard
// input: the most any cluster's limit can be.
const argumentBytesMax = 64 << 20

func (p *Program) callCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "call MACHINE COMMAND",
		Short: "Send one command to a machine, exactly once",
		Long: "Sends one command and prints the machine's answer as it is; -o json also says where the log has\n" +
			"it. COMMAND is the text itself, @FILE for a file's content, or - for standard input. The command\n" +
			"runs in a session of its own: however often it is repeated until an answer arrives, it is applied\n" +
			"once. With --idempotency-key that holds for all calls with the same key, also from other\n" +
			"terminals, for ten minutes at least.",
		Example: "  wraftd call counter incr\n  wraftd call kv @command.cbor\n  wraftd call counter incr --server https://10.0.0.1:7443,https://10.0.0.2:7443",
		Args:    exactArgs("MACHINE", "COMMAND"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	key := cmd.Flags().String("idempotency-key", "", "a name of your choice for this one command")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := p.argument(args[1])
		if err != nil {
			return err
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			result, err := callOnce(ctx, cl, args[0], *key, data)
			if err != nil {
				return err
			}
			return p.printAnswer(cmd, result.Data, callShown{
				Machine: args[0], Index: result.Index, Term: result.Term, Replayed: result.Replayed, Answer: showData(result.Data),
			})
		})
	}
	return cmd
}

// callOnce applies a command once: under a key, or in a session of its own.
func callOnce(ctx context.Context, cl *client.Client, machine, key string, data []byte) (client.CommandResult, error) {
	if key != "" {
		return cl.KeyedCommand(ctx, machine, key, data)
	}
	session, err := cl.Register(ctx, machine)
	if err != nil {
		return client.CommandResult{}, err
	}
	return session.Command(ctx, data)
}

func (p *Program) queryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "query MACHINE QUERY",
		Short: "Read from a machine",
		Long: "Asks a machine and prints its answer as it is; -o json also says how new that is. QUERY is the text\n" +
			"itself, @FILE for a file's content, or - for standard input. A linearizable read sees every command\n" +
			"acknowledged before it, and so does one by lease while clocks go alike, if the nodes allow it. A\n" +
			"stale one is answered by the node asked, from what it has, which --max-staleness bounds and\n" +
			"--min-index too.",
		Example: "  wraftd query counter get\n  wraftd query counter get --consistency stale --server https://10.0.0.2:7443",
		Args:    exactArgs("MACHINE", "QUERY"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	consistency := cmd.Flags().String("consistency", string(client.Linearizable), "linearizable, lease or stale")
	staleness := cmd.Flags().Duration("max-staleness", 0, "how old the answer to a stale read may be (0: as old as it is)")
	minIndex := cmd.Flags().Uint64("min-index", 0, "the log index the answering node must have applied")
	wait := cmd.Flags().Duration("wait", 0, "how long the node may take to reach --min-index or --max-staleness")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := p.argument(args[1])
		if err != nil {
			return err
		}
		conn.extra = *wait
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			result, err := cl.Query(ctx, args[0], client.Query{
				Data: data, Consistency: client.Consistency(*consistency), MaxStaleness: *staleness, MinIndex: *minIndex, Wait: *wait,
			})
			if err != nil {
				return err
			}
			return p.printAnswer(cmd, result.Data, queryShown{
				Machine: args[0], AppliedIndex: result.AppliedIndex, StalenessNs: result.Staleness, Answer: showData(result.Data),
			})
		})
	}
	return cmd
}

// argument reads a command or query given as text, @FILE or -.
func (p *Program) argument(text string) ([]byte, error) {
	var from io.Reader
	switch {
	case text == "-":
		from = p.Stdin
	case len(text) > 1 && text[0] == '@':
		f, err := os.Open(text[1:])
		if err != nil {
			return nil, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
		}
		defer f.Close()
		from = f
	default:
		return []byte(text), nil
	}
	data, err := io.ReadAll(io.LimitReader(from, argumentBytesMax+1))
	if err != nil {
		return nil, client.NewProblem(client.CodeLocalFile, "%v", err).WithCause(err)
	}
	if len(data) > argumentBytesMax {
		return nil, client.NewProblem(client.CodeCommandTooLarge, "%s holds more than %d bytes", text, argumentBytesMax)
	}
	return data, nil
}

// callShown is what came of a command as -o json shows it.
type callShown struct {
	Machine  string     `json:"machine"`
	Index    uint64     `json:"index"`
	Term     uint64     `json:"term"`
	Replayed bool       `json:"replayed,omitempty"`
	Answer   *dataShown `json:"answer"`
}

// queryShown is what came of a query as -o json shows it.
type queryShown struct {
	Machine      string `json:"machine"`
	AppliedIndex uint64 `json:"applied_index"`
	// StalenessNs is in nanoseconds; negative when the node cannot tell.
	StalenessNs time.Duration `json:"staleness_ns"`
	Answer      *dataShown    `json:"answer"`
}

// printAnswer writes what a machine said as it is, and for programs that ask for JSON or YAML what
// is known besides. On a terminal it ends the line.
func (p *Program) printAnswer(cmd *cobra.Command, data []byte, shown any) error {
	if structured(cmd) {
		return p.print(cmd, view{value: shown})
	}
	if _, err := p.Stdout.Write(data); err != nil {
		return fmt.Errorf("cli: print: %w", err)
	}
	if isTerminal, _ := p.terminal(p.Stdout); isTerminal && len(data) > 0 && data[len(data)-1] != '\n' {
		fmt.Fprintln(p.Stdout)
	}
	return nil
}
