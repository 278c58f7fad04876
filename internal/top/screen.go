package top

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/metric"
	"github.com/wraft/wraft/internal/scrape"
)

// screen is the text of a moment, a line after the other.
func screen(s span, every time.Duration) []string {
	var b strings.Builder
	info := s.last.Info
	if s.last.Err != nil {
		fmt.Fprintf(&b, "nobody answers: %v\n\n", s.last.Err)
		info = s.before.Info
	}
	fmt.Fprintf(&b, "cluster %s, as node %d sees it, %s, every %v; r: now, q: end\n\n", info.Cluster, info.ServedBy, s.last.At.Format(time.TimeOnly), every)
	table(&b, "NODE\tSTATE\tROLE\tUP\tREQ/S\tSYNC/S\tSYNC\tWRITES\tFREE\tMEMORY", nodeLines(s, info))
	table(&b, "MACHINE\tLEADER\tSTATE\tENTRIES/S\tCOMMIT\tAPPLIED\tLAG", machineLines(s, info))
	table(&b, "LINK\tUP\tRTT\tLOSS\tOUT\tIN", linkLines(s, info))
	return strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
}

// table writes columns and an empty line.
func table(b *strings.Builder, header string, lines []string) {
	if len(lines) == 0 {
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, header)
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	_ = w.Flush() // a builder takes everything
	b.WriteByte('\n')
}

func nodeLines(s span, info client.ClusterInfo) (lines []string) {
	for _, n := range info.Nodes {
		if n.State == client.NodeRemoved {
			continue
		}
		up := "yes"
		if !n.Up {
			up = "no " + n.Down
		}
		syncs, synced := s.rise(n.ID, named(metric.StorageSyncsTotal))
		spent, _ := s.rise(n.ID, named(metric.StorageSyncSecondsTotal))
		sync := "-"
		if synced && syncs > 0 {
			sync = fmt.Sprintf("%.1fms", 1000*spent/syncs)
		}
		free, known := total(s.last.Metrics[n.ID], named(metric.DiskFreeBytes))
		memory := "-"
		if n.MemoryBudget > 0 {
			memory = fmt.Sprintf("%.0f%%", 100*float64(n.MemoryUsed)/float64(n.MemoryBudget))
		}
		lines = append(lines, strings.Join([]string{
			n.ID.String(), string(n.State), n.Role, strings.TrimSpace(up), perSecond(s.rate(n.ID, named(metric.APIRequestsTotal, metric.NativeRequestsTotal))),
			perSecond(s.rate(n.ID, named(metric.StorageSyncsTotal))), sync, bytesPerSecond(s.rate(n.ID, named(metric.StorageWrittenBytesTotal))),
			bytesOf(free, known), memory,
		}, "\t"))
	}
	return lines
}

func machineLines(s span, info client.ClusterInfo) (lines []string) {
	for _, g := range info.Groups {
		name, leader := g.Machine, "-"
		if name == "" {
			name = "(meta)"
		}
		if g.Leader != 0 {
			leader = g.Leader.String()
		}
		lines = append(lines, strings.Join([]string{
			name, leader, string(g.State), perSecond(s.rate(g.Leader, with(metric.RaftCommitIndex, "group", g.Group.String()))),
			fmt.Sprint(g.Commit), fmt.Sprint(g.Applied), lagOf(s.last.Metrics[g.Leader], g.Group.String()),
		}, "\t"))
	}
	return lines
}

// lagOf is how far the last follower of a group trails, and which that is, as its leader says.
func lagOf(leader scrape.Samples, group string) string {
	var last *scrape.Sample
	for i, sample := range leader {
		if sample.Name == metric.RaftFollowerLagEntries && sample.Labels["group"] == group && (last == nil || sample.Value > last.Value) {
			last = &leader[i]
		}
	}
	switch {
	case last == nil:
		return "-"
	case last.Value == 0:
		return "0"
	}
	return fmt.Sprintf("%.0f at node %s", last.Value, last.Labels["peer"])
}

func linkLines(s span, info client.ClusterInfo) (lines []string) {
	for _, n := range info.Nodes {
		for _, up := range s.last.Metrics[n.ID].Named(metric.LinkUp) {
			peer := up.Labels["peer"]
			of := func(name string) float64 { v, _ := total(s.last.Metrics[n.ID], with(name, "peer", peer)); return v }
			word := "no"
			if up.Value > 0 {
				word = "yes"
			}
			lines = append(lines, strings.Join([]string{
				n.ID.String() + " > " + peer, word, fmt.Sprintf("%.1fms", 1000*of(metric.LinkRTTSeconds)), fmt.Sprintf("%.1f%%", 100*of(metric.LinkPathLossRatio)),
				bytesPerSecond(s.rate(n.ID, with(metric.LinkSentBytesTotal, "peer", peer))), bytesPerSecond(s.rate(n.ID, with(metric.LinkReceivedBytesTotal, "peer", peer))),
			}, "\t"))
		}
	}
	return lines
}

func perSecond(rate float64, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.0f", rate)
}

func bytesPerSecond(rate float64, ok bool) string {
	if !ok {
		return "-"
	}
	return bytesOf(rate, true) + "/s"
}

// bytesOf writes bytes with a unit that leaves up to four digits.
func bytesOf(n float64, ok bool) string {
	if !ok {
		return "-"
	}
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 10_000 {
			return fmt.Sprintf("%.0f%s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.0fTiB", n)
}
