package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

func (p *Program) machinesLogsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "logs MACHINE", Short: "Show what a machine logged on a node",
		Long: "Prints the lines that the machine's module logged, oldest first: when, on which node, at which index of\n" +
			"the machine's log, how grave, and the text. Each node keeps the newest lines in memory, from its start\n" +
			"on. All replicas apply the same commands and log the same of them; what a query logs is on the node that\n" +
			"answered it. With --follow it waits for more, and goes on at another node when one fails, unless --node\n" +
			"names one. With -o json each line is an object on a line of its own.",
		Example: "  wraftd machines logs counter --since 10m\n  wraftd machines logs counter --node 2 --follow -o json",
		Args:    exactArgs("MACHINE"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	since := cmd.Flags().String("since", "", "how long ago to begin, such as 10m, or a time such as 2026-01-31T12:00:00Z (default: with the oldest line that is kept)")
	after := cmd.Flags().Uint64("after", 0, "place of a line to begin behind, as -o json and -o name show it")
	follow := cmd.Flags().BoolP("follow", "f", false, "wait for more until interrupted; --timeout does not count")
	node := cmd.Flags().String("node", "", "ask this node alone (default: any)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		q := client.LogQuery{After: client.LogPlace(*after), Once: !*follow}
		var err error
		if q.Since, err = parseSince(*since, time.Now()); err != nil {
			return err
		}
		return p.withStream(cmd, conn, *follow, func(ctx context.Context, cl *client.Client) error {
			return p.atNode(ctx, cl, conn, *node, func(cl *client.Client) error {
				return printStream(p, cmd, cl.Logs(ctx, args[0], q), logLine)
			})
		})
	}
	return cmd
}

// parseSince reads a time, or how long before now one is; "" is the zero time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, usage("--since %q: use how long ago, such as 10m, or a time such as 2026-01-31T12:00:00Z", text)
	}
	return t, nil
}

// atNode runs with a client of one node alone, or with cl when none is named.
func (p *Program) atNode(ctx context.Context, cl *client.Client, conn *connection, node string, run func(*client.Client) error) error {
	if node == "" {
		return run(cl)
	}
	only, err := p.clientOf(ctx, cl, conn, node)
	if err != nil {
		return err
	}
	defer only.Close()
	return run(only)
}

// logLine is what a machine logged as a line.
func logLine(l client.LogLine) line {
	text := printable(l.Text)
	if l.Missed {
		text += "  (lines before this one are not kept any more)"
	}
	cells := []string{stamp(l.Place.Time()), "node " + l.Node.String(), strconv.FormatUint(l.Index, 10), fmt.Sprintf("%-5s", l.Level), text}
	value := struct {
		Time time.Time `json:"time"`
		client.LogLine
	}{l.Place.Time(), l}
	return line{value: value, rows: [][]string{cells}, name: l.Place.String()}
}
