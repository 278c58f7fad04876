// Command pluginbench measures what machines cost in every language there is a
// compiler for, and prints tables. With -update it writes them into
// docs/BENCHMARKS.md, with -json the figures into a file.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/wraft/wraft/internal/marked"
	"github.com/wraft/wraft/plugins/plugintest/guests"
	"github.com/wraft/wraft/plugins/plugintest/measure"
)

// Marks around the tables in docs/BENCHMARKS.md.
const (
	begin = "<!-- plugin-bench: written by make plugin-bench-update -->\n"
	end   = "<!-- plugin-bench: end -->\n"
)

func main() {
	var o measure.Options
	flag.IntVar(&o.Rounds, "rounds", 7, "rounds, of which the median counts")
	flag.DurationVar(&o.RoundTime, "time", 100*time.Millisecond, "processor time of a round of one work")
	file := flag.String("json", "", "file for the figures")
	update := flag.Bool("update", false, "write the tables into docs/BENCHMARKS.md")
	note := flag.String("note", "", "what else to say about the conditions")
	flag.Parse()
	if err := run(context.Background(), o, *file, *update, *note); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o measure.Options, file string, update bool, note string) error {
	root, err := guests.Root()
	if err != nil {
		return err
	}
	built, untested, err := guests.Build(ctx, root, "kv")
	if err != nil {
		return err
	}
	for _, u := range untested {
		fmt.Println("untested:", u)
	}
	r, err := measure.Run(ctx, o, conditions(o, note), built)
	if err != nil {
		return err
	}
	beside, err := neighbours(ctx, root)
	if err != nil {
		return err
	}
	tables := r.Markdown() + neighboursTable(beside)
	fmt.Print(tables)
	if file != "" {
		text, err := json.MarshalIndent(figures{r, beside}, "", "  ")
		if err == nil {
			err = os.WriteFile(file, append(text, '\n'), 0o644)
		}
		if err != nil {
			return err
		}
	}
	if !update {
		return nil
	}
	return marked.Update(filepath.Join(root, "docs", "BENCHMARKS.md"), begin, end, tables)
}

// figures are what the file has.
type figures struct {
	*measure.Report
	Neighbours []neighbour
}

// conditions are what the figures were taken under.
func conditions(o measure.Options, note string) string {
	text := fmt.Sprintf("%s, %s/%s, %d processors, %s; %d rounds of %s processor time each, medians.", time.Now().UTC().Format(time.DateOnly),
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), o.Rounds, o.RoundTime)
	if note != "" {
		text += " " + note
	}
	return text
}
