// Command wantable reads the lines that conformance/wan/peers.sh wrote and prints them
// as a Markdown table; with -svg it also writes a plot.
//
//	wantable [-svg FILE] RUNS.jsonl
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/wraft/wraft/conformance/wan/wantable"
)

func main() {
	svg := flag.String("svg", "", "file to write the plot to")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "wantable: one file of runs is needed")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *svg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file, svg string) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("wantable: %w", err)
	}
	defer in.Close()
	runs, err := wantable.Read(in)
	if err != nil {
		return err
	}
	fmt.Print(wantable.Table(runs))
	if svg == "" {
		return nil
	}
	if err := os.WriteFile(svg, []byte(wantable.Plot(runs)), 0o644); err != nil {
		return fmt.Errorf("wantable: %w", err)
	}
	return nil
}
