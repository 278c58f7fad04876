package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// neighbour is a line of the benchmark of a whole node: the figures by their units.
type neighbour struct {
	Name    string
	Figures map[string]string
}

var (
	neighbourLine   = regexp.MustCompile(`^BenchmarkNeighbours/([a-z]+(?:-[a-z]+)?)(?:-\d+)?\s+\d+\s+(.*)$`)
	neighbourFigure = regexp.MustCompile(`([0-9.]+) (\S+)`)
)

// neighbours runs BenchmarkNeighbours, which is in a process of its own since whole
// nodes are no business of this one.
func neighbours(ctx context.Context, root string) ([]neighbour, error) {
	c := exec.CommandContext(ctx, "go", "test", "./node/nodetest", "-run", "^$", "-bench", "BenchmarkNeighbours", "-benchtime", "1x", "-timeout", "5m")
	c.Dir = root
	out, err := c.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("neighbours: %w: %s", err, bytes.TrimSpace(out))
	}
	all := parseNeighbours(string(out))
	if len(all) == 0 {
		return nil, fmt.Errorf("neighbours: no figures in %q", out)
	}
	return all, nil
}

// parseNeighbours finds the lines of the benchmark.
func parseNeighbours(out string) (all []neighbour) {
	for line := range strings.Lines(out) {
		m := neighbourLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		n := neighbour{Name: m[1], Figures: map[string]string{}}
		for _, f := range neighbourFigure.FindAllStringSubmatch(m[2], -1) {
			n.Figures[f[2]] = f[1]
		}
		all = append(all, n)
	}
	return all
}

// neighboursTable draws the figures.
func neighboursTable(all []neighbour) string {
	var b strings.Builder
	b.WriteString("\nThree good machines beside a bad one on a whole node (one process, Pebble with fsync): p99 of their commands, one at a time, in\n" +
		"units of that while the bad one has nothing to do, in turns; median of 5. The target is 1.5.\n\n| the other one | p99 | least to most | p99 without, ms |\n|---|---|---|---|\n")
	for _, n := range all {
		fmt.Fprintf(&b, "| %s | %s | %s–%s | %s |\n", n.Name, n.Figures["p99-ratio"], n.Figures["least-p99-ratio"], n.Figures["most-p99-ratio"], n.Figures["alone-p99-ms"])
	}
	return b.String()
}
