package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/offline"
)

func (p *Program) debugCommand() *cobra.Command {
	return group("debug", "Look into a node, and gather what helps to", p.debugStoreCommand(), p.debugDecodeCommand(), p.debugBundleCommand())
}

func (p *Program) logCommand() *cobra.Command {
	return group("log", "Read the logs of a node, whether it runs or not", p.logTailCommand(), p.logStatsCommand(), p.logShowCommand())
}

// directoryFlags are how a command is told a data directory.
type directoryFlags struct{ dir, config *string }

func addDirectoryFlags(cmd *cobra.Command) directoryFlags {
	f := directoryFlags{
		dir:    cmd.Flags().String("data-dir", "", "the node's data directory (default: that of --config)"),
		config: cmd.Flags().String("config", configFileDefault, "the node's configuration file"),
	}
	_ = cmd.MarkFlagDirname("data-dir") // it fails for a flag that does not exist only
	return f
}

// with opens the directory, and closes it behind f.
func (d directoryFlags) with(p *Program, f func(*offline.Directory) error) error {
	dir, err := d.path(p)
	if err != nil {
		return err
	}
	opened, err := offline.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f(opened), opened.Close())
}

func (p *Program) debugStoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Show what is in a data directory, and what of it is damaged",
		Long: "Reads the data directory of a node that does not run and changes nothing in it: whose it is, its\n" +
			"logs, each entry checked, and its files. Whatever is not as it was written is named, and the exit\n" +
			"code is then 9.",
		Example: "  wraftd debug store --data-dir node-1/data\n  wraftd debug store --config node-1/wraft.yaml -o json",
		Args:    exactArgs(),
	}
	where := addDirectoryFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return where.with(p, func(d *offline.Directory) error { return p.printStore(cmd, d.Report()) })
	}
	return cmd
}

func (p *Program) printStore(cmd *cobra.Command, r offline.Report) error {
	v := view{value: r, header: []string{"group", "term", "vote", "commit", "first", "last", "snapshot", "entries", "bytes", "configuration"}}
	for _, g := range r.Groups {
		v.names = append(v.names, "group/"+g.Group.String())
		v.rows = append(v.rows, []any{g.Group.String(), g.Term, dash(g.Vote.String()), g.Commit, g.First, g.Last, dash(strconv.FormatUint(g.Snapshot, 10)), g.Entries, g.Bytes, g.Configuration})
	}
	if outputOf(cmd) == formatTable {
		fmt.Fprintf(p.Stdout, "%s: node %s, life %d, of cluster %s\n", r.Dir, dash(r.Node.String()), r.Incarnation, dash(r.Cluster))
		fmt.Fprintf(p.Stdout, "boot %d, batch %d written, %d acknowledged; %d modules, %d bytes; %d snapshots, %d bytes\n\n",
			r.Boot, r.Batch, r.Acknowledged, r.Modules.Count, r.Modules.Bytes, r.Snapshots.Count, r.Snapshots.Bytes)
	}
	if err := p.print(cmd, v); err != nil {
		return err
	}
	if len(r.Damage) > 0 {
		return client.NewProblem(client.CodeChecksFailed, "%s", strings.Join(r.Damage, "\n")).
			WithHint("Keep a copy of the folder until the cluster is whole without it.")
	}
	return nil
}

func (p *Program) logStatsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "Show what the logs of a node are made of",
		Long:    "Reads the logs of a node that does not run and counts what is in them. Group 1 describes the cluster;\nwraftd machines list shows which machine has which group.",
		Example: "  wraftd log stats --data-dir node-1/data\n  wraftd log stats --config node-1/wraft.yaml --group 2 -o json",
		Args:    exactArgs(),
	}
	where := addDirectoryFlags(cmd)
	only := cmd.Flags().Uint64("group", 0, "one group (default: all)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return where.with(p, func(d *offline.Directory) error {
			all := []offline.Stats{}
			for _, g := range groupsOf(d, *only) {
				s, err := d.Stats(g)
				if err != nil {
					return err
				}
				all = append(all, s)
			}
			return p.printStats(cmd, all)
		})
	}
	return cmd
}

// groupsOf are all groups, or the one that was asked for.
func groupsOf(d *offline.Directory, only uint64) (out []client.GroupID) {
	if only != 0 {
		return []client.GroupID{client.GroupID(only)}
	}
	for _, g := range d.Report().Groups {
		out = append(out, g.Group)
	}
	return out
}

func (p *Program) printStats(cmd *cobra.Command, all []offline.Stats) error {
	v := view{value: map[string]any{"groups": all}, header: []string{"group", "entries", "bytes", "terms", "commands", "command bytes", "largest", "begin", "end"}}
	var damage []string
	for _, s := range all {
		var kinds []string
		for _, k := range slices.Sorted(maps.Keys(s.Commands)) {
			kinds = append(kinds, fmt.Sprintf("%d %s", s.Commands[k], k))
		}
		v.names = append(v.names, "group/"+s.Group.String())
		v.rows = append(v.rows, []any{s.Group.String(), s.Entries, s.Bytes, s.Terms, dash(strings.Join(kinds, ", ")), s.CommandBytes,
			fmt.Sprintf("%d at %d", s.LargestBytes, s.LargestIndex), stamp(s.Begin), stamp(s.End)})
		if s.Damage != "" {
			damage = append(damage, s.Damage)
		}
		if s.Unreadable > 0 {
			damage = append(damage, fmt.Sprintf("group %v: %d entries are nothing that this release knows", s.Group, s.Unreadable))
		}
	}
	if err := p.print(cmd, v); err != nil || len(damage) == 0 {
		return err
	}
	return client.NewProblem(client.CodeChecksFailed, "%s", strings.Join(damage, "\n")).
		WithHint("What is counted stands in front of the damage.")
}

// stamp is a time in the log, to the millisecond.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// showEntriesDefault is how many entries log show prints.
const showEntriesDefault = 100

func (p *Program) logShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show entries of a group's log",
		Long: "Reads the log of one group of a node that does not run and shows its entries, a line for each command.\n" +
			"Data is shown as text where it is such, cut at 60 characters; -o json has all of it, in base64.",
		Example: "  wraftd log show --data-dir node-1/data --group 2\n  wraftd log show --config node-1/wraft.yaml --group 2 --from 4096 --entries 10 -o json",
		Args:    exactArgs(),
	}
	where := addDirectoryFlags(cmd)
	g := cmd.Flags().Uint64("group", 0, "the group; see wraftd machines list. Required")
	from := cmd.Flags().Uint64("from", 0, "the first index (default: the first there is)")
	count := cmd.Flags().Int("entries", showEntriesDefault, "how many entries, at most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *g == 0 {
			return usage("%s: --group is missing", cmd.CommandPath())
		}
		if *count < 1 {
			return usage("--entries %d: must be above 0", *count)
		}
		return where.with(p, func(d *offline.Directory) error {
			entries, more, err := d.Entries(client.GroupID(*g), *from, *count)
			if err := errors.Join(p.printEntries(cmd, entries), err); err != nil {
				return err
			}
			if more {
				fmt.Fprintf(p.Stderr, "there are more; next: --from %d\n", entries[len(entries)-1].Index+1)
			}
			return nil
		})
	}
	return cmd
}

func (p *Program) printEntries(cmd *cobra.Command, entries []client.LogEntry) error {
	if entries == nil {
		entries = []client.LogEntry{}
	}
	v := view{value: map[string]any{"entries": entries}, header: []string{"index", "term", "type", "bytes", "time", "session", "sequence", "data"}}
	for _, e := range entries {
		v.names = append(v.names, strconv.FormatUint(e.Index, 10))
		row := func(kind, session, sequence, data string) {
			v.rows = append(v.rows, []any{e.Index, e.Term, kind, e.Bytes, stamp(e.WallTime), session, sequence, data})
		}
		for _, c := range e.Commands {
			row(c.Kind, dash(strconv.FormatUint(c.Session, 10)), dash(strconv.FormatUint(c.Sequence, 10)), shownData(c.Data, c.Bytes))
		}
		if len(e.Commands) == 0 {
			row(e.Type, "-", "-", e.Configuration+e.Unreadable)
		}
	}
	return p.print(cmd, v)
}

// shownDataRunes is how much of a command's data a table shows.
const shownDataRunes = 60

// shownData is data as text where it is such, else in hexadecimal. bytes is how long it is,
// when only its beginning is here.
func shownData(data []byte, bytes int) string {
	for i := 1; i < utf8.UTFMax && len(data) > 0 && len(data) < bytes && !utf8.Valid(data); i++ {
		data = data[:len(data)-1] // Why: the cut may have gone through a letter
	}
	text := fmt.Sprintf("%x", data)
	if utf8.Valid(data) {
		quoted := strconv.Quote(string(data))
		text = quoted[1 : len(quoted)-1]
	}
	if runes := []rune(text); len(runes) > shownDataRunes {
		return string(runes[:shownDataRunes]) + fmt.Sprintf("... (%d bytes)", bytes)
	}
	return text
}
