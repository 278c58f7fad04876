package peers

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Line is what one load measured; the lab's program and `wraftd bench` print it alike.
type Line struct {
	System     string  `json:"peer"`
	Op         string  `json:"op"`
	Clients    int     `json:"clients"`
	OpsPerSec  float64 `json:"ops_per_s"`
	Errors     float64 `json:"errors"`
	FirstErr   string  `json:"first_error,omitempty"`
	OpsAll     float64 `json:"ops_all"` // warm-up included
	P50US      float64 `json:"p50_us"`  // microseconds, as the others
	P99US      float64 `json:"p99_us"`
	MaxUS      float64 `json:"max_us"`
	NodeCPUUS  float64 `json:"node_cpu_us_per_op"` // of all nodes together
	LoadCPUUS  float64 `json:"load_cpu_us_per_op"`
	ForeignCPU float64 `json:"foreign_cpu"` // by other processes, in cores
	Round      int     `json:"round"`
}

// Report is a whole comparison.
type Report struct {
	// Conditions are what the figures were taken under, a sentence or more.
	Conditions string `json:"conditions"`
	Lines      []Line `json:"-"`
}

// Read reads a report: a line with the conditions, and one per load. The error names the line.
func Read(in io.Reader) (Report, error) {
	var r Report
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		var into any = &r
		if n > 1 {
			r.Lines = append(r.Lines, Line{})
			into = &r.Lines[n-2]
		}
		if err := json.Unmarshal(lines.Bytes(), into); err != nil {
			return r, fmt.Errorf("peers: line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return r, fmt.Errorf("peers: %w", err)
	}
	if r.Conditions == "" || len(r.Lines) == 0 {
		return r, fmt.Errorf("peers: there are no conditions, or no loads")
	}
	return r, nil
}

// cell is one load on one system, the median over rounds of each figure by itself.
type cell struct {
	Line
	rounds      int
	least, most float64 // operations a second of a round
}

// Markdown draws the report: wraft beside the best of the others, and all there is.
func (r Report) Markdown() string {
	cells := medians(r.Lines)
	return "\n" + r.Conditions + "\n\n" + besides(cells) + all(cells)
}

// all is the table of everything.
func all(cells []cell) string {
	var b strings.Builder
	b.WriteString("| op | clients | system | ops/s | p50 ms | p99 ms | max ms | errors | node CPU µs/op | load CPU µs/op | rounds | ops/s of the rounds | other CPU |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range cells {
		fmt.Fprintf(&b, "| %s | %d | %s | %.0f | %.2f | %.2f | %.1f | %.0f | %.0f | %.0f | %d | %.0f–%.0f | %.2f |\n", c.Op, c.Clients, c.System, c.OpsPerSec,
			c.P50US/1000, c.P99US/1000, c.MaxUS/1000, c.Errors, c.NodeCPUUS, c.LoadCPUUS, c.rounds, c.least, c.most, c.ForeignCPU)
	}
	return b.String()
}

// besides is the table of wraft and the best of the others, "" when there is only one side.
func besides(cells []cell) string {
	var b strings.Builder
	for _, load := range loads(cells) {
		var own, fastest, soonest *cell
		for i := range load {
			switch c := &load[i]; {
			case c.System == Wraft:
				own = c
			default:
				if fastest == nil || c.OpsPerSec > fastest.OpsPerSec {
					fastest = c
				}
				if soonest == nil || c.P50US < soonest.P50US {
					soonest = c
				}
			}
		}
		if own == nil || fastest == nil {
			continue
		}
		fmt.Fprintf(&b, "| %s | %d | %.0f | %.0f (%s) | %.2f | %.2f | %.2f (%s) |\n", own.Op, own.Clients, own.OpsPerSec, fastest.OpsPerSec, fastest.System,
			own.OpsPerSec/fastest.OpsPerSec, own.P50US/1000, soonest.P50US/1000, soonest.System)
	}
	if b.Len() == 0 {
		return ""
	}
	return "| op | clients | wraft ops/s | best of the others | wraft : best | wraft p50 ms | least p50 ms of the others |\n|---|---|---|---|---|---|---|\n" + b.String() + "\n"
}

// loads are the cells of the same operation and clients, which follow each other.
func loads(cells []cell) (out [][]cell) {
	for len(cells) > 0 {
		n := slices.IndexFunc(cells, func(c cell) bool { return c.Op != cells[0].Op || c.Clients != cells[0].Clients })
		if n < 0 {
			n = len(cells)
		}
		out, cells = append(out, cells[:n]), cells[n:]
	}
	return out
}

// medians puts the rounds together, writes before reads, by clients, and the systems in the
// order of their first line.
func medians(lines []Line) []cell {
	type key struct {
		system, op string
		clients    int
	}
	rounds, order := map[key][]Line{}, []key{}
	for _, l := range lines {
		k := key{l.System, l.Op, l.Clients}
		if rounds[k] == nil {
			order = append(order, k)
		}
		rounds[k] = append(rounds[k], l)
	}
	cells := make([]cell, len(order))
	for i, k := range order {
		cells[i] = median(rounds[k])
	}
	slices.SortStableFunc(cells, func(a, b cell) int { return cmp.Or(-strings.Compare(a.Op, b.Op), cmp.Compare(a.Clients, b.Clients)) })
	return cells
}

// median is what the rounds of one load come to. Errors and others' processor time are the
// greatest ones: they say how far to trust the rest.
func median(lines []Line) cell {
	sorted := func(of func(Line) float64) []float64 {
		out := make([]float64, len(lines))
		for i, l := range lines {
			out[i] = of(l)
		}
		slices.Sort(out)
		return out
	}
	middle := func(of func(Line) float64) float64 {
		s := sorted(of)
		return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
	}
	most := func(of func(Line) float64) float64 { return slices.Max(sorted(of)) }
	rate := sorted(func(l Line) float64 { return l.OpsPerSec })
	return cell{
		Line: Line{
			System: lines[0].System, Op: lines[0].Op, Clients: lines[0].Clients, OpsPerSec: middle(func(l Line) float64 { return l.OpsPerSec }),
			P50US: middle(func(l Line) float64 { return l.P50US }), P99US: middle(func(l Line) float64 { return l.P99US }),
			MaxUS: middle(func(l Line) float64 { return l.MaxUS }), NodeCPUUS: middle(func(l Line) float64 { return l.NodeCPUUS }),
			LoadCPUUS: middle(func(l Line) float64 { return l.LoadCPUUS }),
			Errors:    most(func(l Line) float64 { return l.Errors }), ForeignCPU: most(func(l Line) float64 { return l.ForeignCPU }),
		},
		rounds: len(lines), least: rate[0], most: rate[len(rate)-1],
	}
}
