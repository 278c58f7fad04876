// Command badmodules judges the corpus of bad modules, each in a process of its
// own, and prints a summary whose last line is stable:
//
//	badmodules: modules=N crashes=0 wrong=0 max_ms=M max_mib=B
//
// max_ms is the longest time that a verdict on a module took, max_mib the greatest
// resident memory of a process. It exits 1 when anything was not as it must be.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/wraft/wraft/conformance/badmodules"
)

func main() {
	if badmodules.Main(os.Stdout) {
		return
	}
	only := flag.String("only", "", "judge the cases whose names contain this")
	slowest := flag.Int("slowest", 10, "how many of the dearest cases to show")
	verbose := flag.Bool("v", false, "show every case")
	flag.Parse()
	reports, summary := judge(*only, *verbose)
	show(reports, *slowest)
	fmt.Println(summary)
	if summary.Crashes+summary.Wrong > 0 || summary.Modules == 0 {
		os.Exit(1)
	}
}

func judge(only string, verbose bool) (reports []badmodules.Report, s badmodules.Summary) {
	for _, c := range badmodules.All() {
		if !strings.Contains(c.Name, only) {
			continue
		}
		r := badmodules.Run(context.Background(), c)
		s.Add(r)
		reports = append(reports, r)
		if r.Problem != "" {
			fmt.Printf("%s: %s\n", r.Name, r.Problem)
		} else if verbose {
			line(r)
		}
	}
	return reports, s
}

// show prints the dearest cases by time and by memory.
func show(reports []badmodules.Report, n int) {
	for what, key := range map[string]func(badmodules.Report) float64{
		"verdict": func(r badmodules.Report) float64 { return r.VerdictMS },
		"memory":  func(r badmodules.Report) float64 { return r.PeakMiB },
		"in all":  func(r badmodules.Report) float64 { return r.TotalMS },
	} {
		slices.SortFunc(reports, func(a, b badmodules.Report) int { return cmp.Compare(key(b), key(a)) })
		fmt.Printf("dearest by %s:\n", what)
		for _, r := range reports[:min(n, len(reports))] {
			line(r)
		}
	}
}

func line(r badmodules.Report) {
	fmt.Printf("  %-45s verdict %7.1f ms (processor %7.1f ms), in all %7.1f ms, %6.1f MiB\n", r.Name, r.VerdictMS, r.VerdictCPUMS, r.TotalMS, r.PeakMiB)
}
