package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/nodeconfig"
)

func (p *Program) benchLinkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link [FROM] TO",
		Short: "Measure the link between two nodes",
		Long: "Has the node FROM, or without it the node that answers, measure its link to the node TO over the\n" +
			"connection that the two use: round trips of small frames through both nodes, then --bytes one way and\n" +
			"the other. That waits behind appends and keeps to the rate of snapshots (snapshots.send-rate). Shows\n" +
			"besides what became meanwhile of the packets from FROM to TO: the share that the path lost before the\n" +
			"repair (counted while losses are repaired), that was lost all the same, and of parity. FROM is asked at\n" +
			"its API address. Prints a table; -o json prints one object.",
		Example: "  wraftd bench link 1 2\n  wraftd bench link 1 2 --samples 2000 --interval 5ms --bytes 0B",
		Args:    cobra.RangeArgs(1, 2),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.Flag("timeout").Usage = "how long to try, besides the time that the measurement takes"
	f := cmd.Flags()
	samples := f.Int("samples", client.LinkSamplesDefault, "round trips to make")
	interval := f.Duration("interval", client.LinkIntervalDefault, "time between two of them")
	bytes := f.String("bytes", "8MiB", "what to send each way, for 10 s at most; 0B: nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		size, err := nodeconfig.ParseSize(*bytes)
		if err != nil {
			return usage("--bytes: %v", err)
		}
		if *samples < 1 || *interval < time.Microsecond {
			return usage("--samples %d, --interval %v: must be above 0", *samples, *interval)
		}
		spec := client.LinkSpec{Samples: *samples, IntervalMicros: interval.Microseconds(), Bytes: int64(size)}
		conn.extra = spec.Takes()
		to, err := parseNodeID(args[len(args)-1])
		if err != nil {
			return err
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			if len(args) == 2 {
				from, err := p.clientOf(ctx, cl, conn, args[0])
				if err != nil {
					return err
				}
				defer from.Close()
				cl = from
			}
			m, err := cl.MeasureLink(ctx, to, spec)
			if err != nil {
				return err
			}
			return p.printLink(cmd, m)
		})
	}
	return cmd
}

// clientOf makes a client that asks one node alone, at its API address. Close it.
func (p *Program) clientOf(ctx context.Context, cl *client.Client, c *connection, node string) (*client.Client, error) {
	_, n, err := findNode(ctx, cl, node)
	if err != nil {
		return nil, err
	}
	conf, err := c.config()
	if err != nil {
		return nil, err
	}
	conf.Endpoints, conf.EndpointsOnly = []string{"https://" + n.API}, true
	return client.New(conf)
}

// printLink shows a measured link as a line for its times and one for its packets.
func (p *Program) printLink(cmd *cobra.Command, m client.LinkMeasure) error {
	of := func(n uint64) string { return shareOf(n, m.Packets) }
	return p.print(cmd, view{
		value:  m,
		header: []string{"from", "to", "p50", "p90", "p99", "max", "unanswered", "rtt", "variance", "path loss", "lost", "parity", "fec", "sent", "received"},
		rows: [][]any{{
			m.From.String(), m.To.String(), millis(m.P50Micros), millis(m.P90Micros), millis(m.P99Micros), millis(m.MaxMicros), m.Unanswered,
			millis(m.RTTMicros), millis(m.RTTVarianceMicros), of(m.LostOnPath), of(m.Lost), of(m.Parity), m.FEC, rateWords(m.Sent), rateWords(m.Received),
		}},
		names: []string{m.To.String()},
	})
}

// shareOf is n of all in percent.
func shareOf(n, all uint64) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(n)/float64(all))
}

// rateWords is the rate of a transfer in megabits a second, as links are sold.
func rateWords(t client.LinkTransfer) string {
	if t.Bytes == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fMbit/s", 8*t.BytesPerSecond()/1e6)
}

// linkHeader names what linkCells shows of the link to a node.
var linkHeader = []string{"rtt", "variance", "loses now", "path loss", "lost", "parity", "fec"}

func linkCells(n client.NodeInfo) []any {
	if n.Link == nil {
		return []any{dash(roundTrip(n)), "-", "-", "-", "-", "-", "-"}
	}
	of := func(count uint64) string { return shareOf(count, n.Link.Packets) }
	return []any{
		dash(roundTrip(n)), millis(n.Link.RTTVarianceMicros), fmt.Sprintf("%.1f%%", 100*n.Loss),
		of(n.Link.LostOnPath), of(n.Link.Lost), of(n.Link.Parity), dash(n.FEC),
	}
}

// linkRows is a line for each link of the node that answers.
func linkRows(info client.ClusterInfo) (rows [][]any) {
	for _, n := range present(info) {
		if n.Link != nil {
			rows = append(rows, append([]any{n.ID.String()}, linkCells(n)...))
		}
	}
	return rows
}
