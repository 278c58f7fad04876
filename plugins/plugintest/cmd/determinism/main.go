// Command determinism plays random commands on the key-value machine of every
// language there is a compiler for, on instances that are treated differently, and
// on an emulated arm64 processor. The last line counts.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/wraft/wraft/plugins/plugintest/determinism"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// options are the flags.
type options struct {
	log     determinism.Log
	lives   int
	trapped int
	modules string
	other   int
	only    string
}

func main() {
	var o options
	flag.IntVar(&o.log.Commands, "n", 100_000, "commands per language")
	flag.Uint64Var(&o.log.Seed, "seed", 1, "seed of the log")
	flag.IntVar(&o.log.Marks, "marks", 0, "how often the whole state is compared; default 40, more narrow down where states part")
	flag.IntVar(&o.lives, "lives", len(determinism.Lives(0)), "how many of the lives to live")
	flag.IntVar(&o.trapped, "trapped", determinism.Trapped, "commands that trap in between, in one of the lives")
	flag.StringVar(&o.modules, "modules", "", "folder with <language>.wasm; default: build them")
	flag.IntVar(&o.other, "arm64", 0, "commands to play on an emulated arm64 processor too")
	flag.StringVar(&o.only, "language", "", "this language only")
	flag.Parse()
	mismatches, err := o.run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if mismatches > 0 {
		os.Exit(1)
	}
}

// run plays everything and returns the number of mismatches.
func (o options) run(ctx context.Context) (int, error) {
	built, err := o.guests(ctx)
	if err != nil {
		return 0, err
	}
	lives := determinism.Lives(o.trapped)
	outcomes, err := play(ctx, o.log, built, lives[:min(o.lives, len(lives))])
	if err != nil {
		return 0, err
	}
	mismatches := 0
	for _, x := range outcomes {
		mismatches += len(x.Mismatches)
	}
	if o.other > 0 {
		n, err := o.elsewhere(ctx, built)
		if err != nil {
			return 0, err
		}
		mismatches += n
	}
	fmt.Printf("determinism: languages=%d commands=%d mismatches=%d\n", len(outcomes), o.log.Commands, mismatches)
	return mismatches, nil
}

// guests builds the machines or reads them.
func (o options) guests(ctx context.Context) ([]guests.Guest, error) {
	if o.modules != "" {
		return read(o.modules)
	}
	root, err := guests.Root()
	if err != nil {
		return nil, err
	}
	built, untested, err := guests.Build(ctx, root, "kv")
	for _, u := range untested {
		fmt.Println("untested:", u)
	}
	if o.only == "" || err != nil {
		return built, err
	}
	for _, g := range built {
		if g.Language == o.only {
			return []guests.Guest{g}, nil
		}
	}
	return nil, fmt.Errorf("no machine in %q", o.only)
}

// mismatchesShown bounds what is printed of one language's mismatches.
const mismatchesShown = 20

// play plays a log in every language and prints what came of it.
func play(ctx context.Context, log determinism.Log, built []guests.Guest, lives []determinism.Life) ([]determinism.Outcome, error) {
	var outcomes []determinism.Outcome
	for _, g := range built {
		o, err := determinism.Play(ctx, log, g, lives)
		if err != nil {
			return nil, err
		}
		for _, m := range o.Mismatches[:min(mismatchesShown, len(o.Mismatches))] {
			fmt.Println("mismatch:", g.Language, m)
		}
		fmt.Println(o.Line())
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}
