package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

// tailNewestDefault is how many entries log tail begins with.
const tailNewestDefault = 10

func (p *Program) logTailCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tail (--machine NAME | --group N)", Short: "Show what a node has applied of a group's log, and what comes",
		Long: "Prints entries of the log of a machine's group, or of any group, that the node has applied, oldest\n" +
			"first, a line for each command: index, term, the leader's time, kind, session, sequence, length and, with\n" +
			"--data, the data, as text where it is such and cut at 60 characters; -o json has 4 KiB of it, in base64.\n" +
			"Each node cuts its logs behind its snapshots; for what is cut off the exit code is 6, and the problem\n" +
			"says where the log begins. With --follow it waits for more, and goes on at another node when one fails,\n" +
			"unless --node names one. With -o json each entry is an object on a line of its own. Group 1 describes the\n" +
			"cluster; its data is for administrators. wraftd log show reads the log of a node that does not run.",
		Example: "  wraftd log tail --machine counter --follow\n  wraftd log tail --group 1 --from 120 --node 2 -o json",
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	machine := cmd.Flags().String("machine", "", "the machine whose group it is")
	g := cmd.Flags().Uint64("group", 0, "the group; see wraftd machines list")
	from := cmd.Flags().Uint64("from", 0, "the first index")
	newest := cmd.Flags().Uint64("newest", tailNewestDefault, "how many of the newest entries to begin with, unless --from is given")
	data := cmd.Flags().Bool("data", false, "show the data of commands")
	follow := cmd.Flags().BoolP("follow", "f", false, "wait for more until interrupted; --timeout does not count")
	node := cmd.Flags().String("node", "", "ask this node alone (default: any)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if (*machine == "") == (*g == 0) {
			return usage("say of which log: --machine or --group")
		}
		q := client.LogEntryQuery{From: *from, Data: *data, Once: !*follow}
		switch given := cmd.Flags().Changed("newest"); {
		case *from > 0 && given:
			return usage("--from and --newest are both given: use one of them")
		case *newest == 0:
			return usage("--newest 0: must be above 0")
		case *from == 0:
			q.Newest = *newest
		}
		return p.withStream(cmd, conn, *follow, func(ctx context.Context, cl *client.Client) error {
			return p.atNode(ctx, cl, conn, *node, func(cl *client.Client) error {
				group, err := groupOf(ctx, cl, client.GroupID(*g), *machine)
				if err != nil {
					return err
				}
				return printStream(p, cmd, cl.LogEntries(ctx, group, q), entryLine)
			})
		})
	}
	return cmd
}

// groupOf is a group, or that of a machine if one is named.
func groupOf(ctx context.Context, cl *client.Client, g client.GroupID, machine string) (client.GroupID, error) {
	if machine == "" {
		return g, nil
	}
	info, err := cl.Machine(ctx, machine, false)
	return info.Group, err
}

// entryLine is an entry as a line for each of its commands.
func entryLine(e client.LogEntry) line {
	l := line{value: e, name: strconv.FormatUint(e.Index, 10)}
	row := func(kind, caller, sequence string, bytes int, rest string) {
		cells := []string{l.name, fmt.Sprintf("term %d", e.Term), stamp(e.WallTime), kind, caller, sequence, fmt.Sprintf("%d bytes", bytes)}
		if rest != "" {
			cells = append(cells, rest)
		}
		l.rows = append(l.rows, cells)
	}
	for _, c := range e.Commands {
		caller, sequence := "-", "-"
		if c.Key != "" {
			caller = "key " + strconv.Quote(c.Key)
		}
		if c.Session != 0 {
			caller, sequence = fmt.Sprintf("session %d", c.Session), fmt.Sprintf("sequence %d", c.Sequence)
		}
		row(c.Kind, caller, sequence, c.Bytes, shownData(c.Data, c.Bytes))
	}
	if len(e.Commands) == 0 {
		row(e.Type, "-", "-", e.Bytes, e.Configuration+e.Unreadable)
	}
	return l
}
