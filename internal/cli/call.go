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
		Long: "Sends one command and prints the machine's answer as it is. COMMAND is the text itself,\n" +
			"@FILE for a file's content, or - for standard input. The command runs in a session of its\n" +
			"own: however often it is repeated until an answer arrives, it is applied once. With\n" +
			"--idempotency-key that holds for all calls with the same key, also from other terminals, for ten\n" +
			"minutes at least.",
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
			return p.printAnswer(result.Data)
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
		Long: "Asks a machine and prints its answer as it is. QUERY is the text itself, @FILE for a file's\n" +
			"content, or - for standard input. A linearizable read sees every command acknowledged before\n" +
			"it, and so does one by lease while clocks go alike, if the nodes allow it. A stale one is answered\n" +
			"by the node asked, from what it has, which --max-staleness bounds and --min-index too.",
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
			return p.printAnswer(result.Data)
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

// printAnswer writes what a machine said as it is; on a terminal it ends the line.
func (p *Program) printAnswer(data []byte) error {
	if _, err := p.Stdout.Write(data); err != nil {
		return fmt.Errorf("cli: print: %w", err)
	}
	if isTerminal, _ := p.terminal(p.Stdout); isTerminal && len(data) > 0 && data[len(data)-1] != '\n' {
		fmt.Fprintln(p.Stdout)
	}
	return nil
}
