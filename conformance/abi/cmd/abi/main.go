// Command abi puts a module through the ABI kit:
//
//	abi [-scenario FILE]... [-from OLD.wasm] [-commands N] [-fuzz N] MODULE.wasm
//	abi -examples [-keep DIR]
//
// The second form builds the example machines of every language whose compiler is
// installed, from source, prints their digests, runs the kit on each, and holds
// what they answer against the machines in Go. Its last line is stable:
//
//	abi: ok=go,rust,c untested=cpp,assemblyscript,zig
//
// A language is ok when all of its machines were built and passed here. The exit
// code is 1 when a module failed, 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// settings are the flags.
type settings struct {
	examples  bool
	keep      string
	from      string
	scenarios []string
	options   abi.Options
}

func main() {
	var s settings
	flag.BoolVar(&s.examples, "examples", false, "build and check the example machines of all languages")
	flag.StringVar(&s.keep, "keep", "", "with -examples: keep the built modules in this `directory`")
	flag.StringVar(&s.from, "from", "", "an earlier version of the module, to upgrade from")
	flag.IntVar(&s.options.Commands, "commands", 0, "how many commands the longer checks apply (default 512)")
	flag.IntVar(&s.options.Fuzz, "fuzz", 0, "how many hostile inputs of each kind (default 256)")
	flag.Func("scenario", "a scenario `file`; may be given several times", func(name string) error {
		s.scenarios = append(s.scenarios, name)
		return nil
	})
	flag.Parse()
	if s.examples != (flag.NArg() == 0) || flag.NArg() > 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, s, flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "abi:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings, file string) (ok bool, err error) {
	engine, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	if s.examples {
		return runExamples(ctx, engine, s)
	}
	subject, err := s.subject(file)
	if err != nil {
		return false, err
	}
	report, err := abi.Run(ctx, engine, subject, s.options)
	if err != nil {
		return false, err
	}
	fmt.Print(report)
	passed, failed, skipped := report.Counts()
	fmt.Printf("abi: module=%s passed=%d failed=%d skipped=%d\n", subject.Name, passed, failed, skipped)
	return report.OK(), nil
}

func (s settings) subject(file string) (subject abi.Subject, err error) {
	subject.Name = filepath.Base(file)
	if subject.Binary, err = os.ReadFile(file); err != nil {
		return subject, err
	}
	if s.from != "" {
		if subject.Old, err = os.ReadFile(s.from); err != nil {
			return subject, err
		}
	}
	for _, name := range s.scenarios {
		text, err := os.ReadFile(name)
		if err != nil {
			return subject, err
		}
		f, err := scenario.Parse(name, text)
		if err != nil {
			return subject, err
		}
		subject.Scenarios = append(subject.Scenarios, f)
	}
	return subject, nil
}
