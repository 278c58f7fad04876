package main

import (
	"strings"
	"testing"
)

func TestFiguresOfNeighboursAreFound(t *testing.T) {
	const out = `goos: linux
BenchmarkNeighbours/loops-2         	       1	 7123456789 ns/op	         2.500 alone-p99-ms	         1.100 least-p99-ratio	         1.900 most-p99-ratio	         1.400 p99-ratio
BenchmarkNeighbours/short-loops-2         	       1	 7123456789 ns/op	         2.500 alone-p99-ms	         1.000 least-p99-ratio	         1.200 most-p99-ratio	         1.050 p99-ratio
BenchmarkNeighbours/short-loops         	       1	 7123456789 ns/op	         2.600 alone-p99-ms	         1.000 least-p99-ratio	         1.200 most-p99-ratio	         1.060 p99-ratio
PASS`
	table := neighboursTable(parseNeighbours(out))
	for _, want := range []string{"| loops | 1.400 | 1.100–1.900 | 2.500 |", "| short-loops | 1.050 | 1.000–1.200 | 2.500 |", "| short-loops | 1.060 | 1.000–1.200 | 2.600 |"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
}
