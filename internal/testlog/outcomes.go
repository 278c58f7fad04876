package testlog

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Name is a test of a package, by its import path.
type Name struct{ Package, Test string }

// Outcomes are those of tests that ended. The zero value has none.
type Outcomes struct {
	// why is the reason of each test that was skipped, "" of one that was played.
	why map[Name]string
}

// played notes one that passed or failed.
func (o *Outcomes) played(n Name) { o.note(n, "") }

// skipped notes one that was skipped, unless it was played before. Of several reasons the
// last one counts: a long run gets further than a short one.
func (o *Outcomes) skipped(n Name, why string) {
	if have, known := o.why[n]; !known || have != "" {
		o.note(n, why)
	}
}

func (o *Outcomes) note(n Name, why string) {
	if o.why == nil {
		o.why = map[Name]string{}
	}
	o.why[n] = why
}

// Append adds the outcomes to a file, a line each: package, test and reason, with tabs between.
func (o Outcomes) Append(file string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("testlog: %w", err)
	}
	w := bufio.NewWriter(f)
	for n, why := range o.why {
		fmt.Fprintf(w, "%s\t%s\t%s\n", n.Package, n.Test, why)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("testlog: %w", err)
	}
	return nil
}

// Read reads what several runs have appended to a file, in their order.
func Read(file string) (o Outcomes, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return o, fmt.Errorf("testlog: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimRight(line, "\n"), "\t", 3)
		switch {
		case len(fields) != 3:
			return o, fmt.Errorf("testlog: %s has a line that is not one of its own: %q", file, line)
		case fields[2] == "":
			o.played(Name{fields[0], fields[1]})
		default:
			o.skipped(Name{fields[0], fields[1]}, fields[2])
		}
	}
	return o, nil
}
