package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

// tookRounding is how exactly the time of a snapshot is shown.
const tookRounding = 100 * time.Microsecond

func (p *Program) snapshotTriggerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "trigger MACHINE", Short: "Have a node take a snapshot of a machine now",
		Long: "Has the node that is asked take a snapshot of its replica of the machine, and returns once that is\n" +
			"durable. The node cuts the machine's log behind it. Commands are applied meanwhile. Nodes take\n" +
			"snapshots by themselves; see snapshots.log-bytes and snapshots.interval of wraftd run. When one is\n" +
			"being written, or nothing was applied since the newest, the exit code is 7.",
		Example: "  wraftd snapshot trigger counter\n  wraftd snapshot trigger counter --server https://10.0.0.2:7443 -o json",
		Args:    exactArgs("MACHINE"),
	}
	conn := p.connectFlags(cmd, client.TimeoutMax)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			s, err := cl.TakeSnapshot(ctx, args[0])
			if err != nil {
				return err
			}
			return p.print(cmd, view{
				value:  s,
				header: []string{"machine", "node", "index", "bytes", "digest", "rests on", "took"},
				rows:   [][]any{{s.Machine, s.Node.String(), s.Index, s.Bytes, shortDigest(s.Digest), dash(shortDigest(s.Base)), s.Took.Round(tookRounding).String()}},
				names:  []string{s.Digest},
			})
		})
	}
	return cmd
}
