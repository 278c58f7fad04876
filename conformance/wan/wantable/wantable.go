package wantable

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Run is one load on one system.
type Run struct {
	System string `json:"system"`
	// Loss is as 2%, 2%x4 in bursts of packets, 2%x30ms in bursts of a time.
	Loss string `json:"loss"`
	// Down is the follower that was cut off; 0: none.
	Down int `json:"down"`
	// Load is the machine's load average at the end.
	Load   string `json:"load"`
	Result struct {
		OpsPerSec float64 `json:"ops_per_s"`
		Errors    int64   `json:"errors"`
		P50       float64 `json:"p50_us"` // microseconds, as the others
		P90       float64 `json:"p90_us"`
		P99       float64 `json:"p99_us"`
		Max       float64 `json:"max_us"`
	} `json:"result"`
	// Links are what wraftd bench link said of each link behind the load, of wraft only.
	Links []Link `json:"links"`
}

// Link is one link as the nodes at its ends see it.
type Link struct {
	From       int     `json:"from"`
	To         int     `json:"to"`
	Unanswered int     `json:"unanswered"`
	P50        float64 `json:"p50_us"` // microseconds, as the other
	P99        float64 `json:"p99_us"`
}

// failed reports whether the load answered nothing.
func (r Run) failed() bool { return r.Result.OpsPerSec == 0 }

// Read reads runs, one a line. The error names the line.
func Read(in io.Reader) ([]Run, error) {
	var runs []Run
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		var r Run
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("wantable: line %d: %w", n, err)
		}
		if r.System == "" || r.Loss == "" {
			return nil, fmt.Errorf("wantable: line %d: no system, or no loss", n)
		}
		runs = append(runs, r)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("wantable: %w", err)
	}
	if len(runs) == 0 {
		return nil, errors.New("wantable: no runs")
	}
	return runs, nil
}

// Table is the runs as Markdown, ordered by follower down and loss, so that the
// systems under the same conditions stand beneath each other.
func Table(runs []Run) string {
	var b strings.Builder
	b.WriteString("| follower down | loss | system | writes/s | p50 ms | p90 ms | p99 ms | max ms | errors | load |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, group := range grouped(runs) {
		for _, r := range group {
			down := "none"
			if r.Down != 0 {
				down = fmt.Sprintf("node %d", r.Down)
			}
			figures := "none answered | - | - | - | -"
			if !r.failed() {
				figures = fmt.Sprintf("%.0f | %.1f | %.1f | %.1f | %.0f", r.Result.OpsPerSec,
					r.Result.P50/1000, r.Result.P90/1000, r.Result.P99/1000, r.Result.Max/1000)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %s |\n", down, lossText(r.Loss), r.System, figures, r.Result.Errors, r.Load)
		}
	}
	return b.String()
}

// LinkTable is what was said of links as Markdown, or "" when nothing was.
func LinkTable(runs []Run) string {
	var b strings.Builder
	for _, r := range runs {
		for _, l := range r.Links {
			fmt.Fprintf(&b, "| %s | %d – %d | %.1f | %.1f | %d |\n", lossText(r.Loss), l.From, l.To, l.P50/1000, l.P99/1000, l.Unanswered)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "| loss | link | p50 ms | p99 ms | unanswered |\n|---|---|---|---|---|\n" + b.String()
}

// lossText spells a loss out.
func lossText(loss string) string {
	share, burst, ok := strings.Cut(loss, "x")
	share = strings.TrimSuffix(share, "%") + " %"
	switch {
	case !ok:
		return share
	case strings.HasSuffix(burst, "ms"):
		return share + ", bursts of " + strings.TrimSuffix(burst, "ms") + " ms"
	}
	return share + ", bursts of " + burst
}

// grouped are the runs under the same conditions, in the order of their first.
func grouped(runs []Run) (groups [][]Run) {
	type key struct {
		down int
		loss string
	}
	at := map[key]int{}
	for _, r := range runs {
		k := key{r.Down, r.Loss}
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

// systems are the names of the systems, in the order of their first run.
func systems(runs []Run) (names []string) {
	for _, r := range runs {
		if !slices.Contains(names, r.System) {
			names = append(names, r.System)
		}
	}
	return names
}
