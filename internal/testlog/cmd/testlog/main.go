// Command testlog shows the events of go test -json as go test shows its tests, and at their end
// which of them were skipped and why. With -left it says that of several runs, the long suites
// among them, and fails when a test was skipped that could have been played.
//
// Usage:
//
//	go test -json ./... | testlog [-add FILE]
//	testlog -left FILE
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/wraft/wraft/internal/testlog"
)

func main() {
	add := flag.String("add", "", "file to add the outcomes to")
	left := flag.String("left", "", "file with the outcomes of several runs: say what none of them played")
	flag.Parse()
	err := errors.New("usage: go test -json ... | testlog [-add FILE], or testlog -left FILE")
	switch {
	case flag.NArg() > 0:
	case *left != "":
		err = judge(*left)
	default:
		err = show(*add)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show(file string) error {
	signal.Ignore(os.Interrupt) // Why: go test, which hears it too, still says what was under way
	o, err := testlog.Show(os.Stdout, os.Stdin)
	err = errors.Join(err, o.WriteSkipped(os.Stdout))
	if file != "" {
		err = errors.Join(err, o.Append(file))
	}
	return err
}

func judge(file string) error {
	o, err := testlog.Read(file)
	if err != nil {
		return err
	}
	if err := o.WriteSkipped(os.Stdout); err != nil {
		return err
	}
	for _, n := range o.Needless(testlog.Untrue()) {
		err = errors.Join(err, fmt.Errorf("testlog: %s was never played, and could have been", n))
	}
	return err
}
