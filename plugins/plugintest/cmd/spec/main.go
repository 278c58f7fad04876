// Command spec runs the suite of the WebAssembly specification as it was written
// and as the rewriting pass makes it, side by side. What was left out is listed
// with its reason; the last line counts.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/wraft/wraft/plugins/plugintest/spec"
)

func main() {
	match := flag.String("script", "", "only scripts whose names contain this, as v2/memory_trap")
	flag.Parse()
	report, err := run(*match)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, f := range report.Failures {
		fmt.Println("failure:", f)
	}
	fmt.Print(report.Details())
	fmt.Println(report.Line())
	if len(report.Failures) > 0 {
		os.Exit(1)
	}
}

func run(match string) (*spec.Report, error) {
	folder, err := spec.Folder()
	if err != nil {
		return nil, err
	}
	report := spec.NewReport()
	for _, version := range spec.Versions {
		scripts, err := spec.Load(folder, version)
		if err != nil {
			return nil, err
		}
		for _, s := range scripts {
			if !strings.Contains(s.Name, match) {
				continue
			}
			if err := spec.Run(context.Background(), folder, s, report); err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
		}
	}
	return report, nil
}
