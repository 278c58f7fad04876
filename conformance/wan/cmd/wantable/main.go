// Command wantable reads the lines that conformance/wan/peers.sh wrote and prints them
// as Markdown tables; with -svg it also writes a plot, and with -update it writes the tables
// into docs/BENCHMARKS.md and the plot beside it.
//
//	wantable [-svg FILE] [-update] [-note TEXT] RUNS.jsonl
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/wan/wantable"
	"github.com/wraft/wraft/internal/marked"
)

// Marks around the tables in docs/BENCHMARKS.md, and where the plot beside it stands.
const (
	begin = "<!-- wan-peers: written by make wan-peers UPDATE=1 -->\n"
	end   = "<!-- wan-peers: end -->\n"
	plot  = "images/wan-peers.svg"
)

// options are the flags.
type options struct {
	svg, note string
	update    bool
}

func main() {
	var o options
	flag.StringVar(&o.svg, "svg", "", "file to write the plot to")
	flag.BoolVar(&o.update, "update", false, "write tables and plot into docs")
	flag.StringVar(&o.note, "note", "", "what else to say about the conditions")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "wantable: one file of runs is needed")
		os.Exit(2)
	}
	if err := o.run(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o options) run(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("wantable: %w", err)
	}
	defer in.Close()
	runs, err := wantable.Read(in)
	if err != nil {
		return err
	}
	fmt.Print(wantable.Table(runs), "\n", wantable.LinkTable(runs))
	if o.svg != "" {
		if err := os.WriteFile(o.svg, []byte(wantable.Plot(runs)), fileMode); err != nil {
			return fmt.Errorf("wantable: %w", err)
		}
	}
	if !o.update {
		return nil
	}
	return o.document(runs)
}

const fileMode = 0o644

// document writes the page.
func (o options) document(runs []wantable.Run) error {
	root, err := cluster.Root()
	if err != nil {
		return err
	}
	docs := filepath.Join(root, "docs")
	if err := os.WriteFile(filepath.Join(docs, plot), []byte(wantable.Plot(runs)), fileMode); err != nil {
		return fmt.Errorf("wantable: %w", err)
	}
	text := fmt.Sprintf("%s, %s/%s, %d processors, %s. %s\n\n%s\n![Median to 99th percentile of writes, for each loss and system](%s)\n", time.Now().UTC().Format(time.DateOnly),
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), o.note, wantable.Table(runs), plot)
	if links := wantable.LinkTable(runs); links != "" {
		text += "\nThe links by themselves, behind each load with all nodes, as `wraftd bench link` measures them:\n\n" + links
	}
	return marked.Update(filepath.Join(docs, "BENCHMARKS.md"), begin, end, text)
}
