package testlog

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is one of those that `go doc test2json` describes, and `go help buildjson`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// Show reads the events of `go test -json` and writes what `go test` would: a line for a package that
// passes, and of one that fails, or is cut short, everything but what tests that passed have
// logged. Lines that are no events are written as they are. The error is that of in or out;
// in is read to its end all the same, so that go test never waits.
func Show(out io.Writer, in io.Reader) (Outcomes, error) {
	s := shower{out: out, said: map[string]*transcript{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) != nil || e.Action == "":
			s.write(string(line))
		default:
			s.take(e)
		}
		if err == nil {
			continue
		}
		for _, pkg := range slices.Sorted(maps.Keys(s.said)) { // those that were cut short
			s.write(s.said[pkg].failed())
		}
		if errors.Is(err, io.EOF) {
			return s.outcomes, s.err
		}
		return s.outcomes, errors.Join(s.err, fmt.Errorf("testlog: read events: %w", err))
	}
}

// shower is a Show that is under way.
type shower struct {
	out      io.Writer
	err      error // the first of out
	outcomes Outcomes
	said     map[string]*transcript // of packages that have not ended
}

func (s *shower) write(text string) {
	if s.err != nil || text == "" {
		return
	}
	if _, err := io.WriteString(s.out, text); err != nil {
		s.err = fmt.Errorf("testlog: %w", err)
	}
}

func (s *shower) take(e event) {
	if e.Action == "build-output" {
		s.write(e.Output)
		return
	}
	if e.Package == "" {
		return
	}
	if s.said[e.Package] == nil {
		s.said[e.Package] = &transcript{quiet: map[string]bool{}}
	}
	said := s.said[e.Package]
	switch {
	case e.Action == "output":
		said.add(e.Test, e.Output)
	case e.Test != "":
		s.end(said, e)
	case e.Action == "fail":
		s.write(said.failed())
		delete(s.said, e.Package)
	case e.Action == "pass" || e.Action == "skip":
		s.write(said.passed())
		delete(s.said, e.Package)
	}
}

// end notes the end of a test; other things that happen to one are not told.
func (s *shower) end(said *transcript, e event) {
	name := Name{e.Package, e.Test}
	switch e.Action {
	case "pass":
		said.end(e.Test, true)
		s.outcomes.played(name)
	case "fail":
		said.end(e.Test, false)
		s.outcomes.played(name)
	case "skip":
		said.end(e.Test, true)
		s.outcomes.skipped(name, reason(said.of(e.Test)))
	}
}

// logged is a line of a test's log, as in "    x_test.go:7: words".
var logged = regexp.MustCompile(`^\s*\S+\.go:\d+: (.+)`)

// reason is the last thing that a skipped test logged.
func reason(said []string) string {
	why := "it does not say why"
	for _, line := range said {
		if m := logged.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			why = strings.ReplaceAll(m[1], "\t", " ")
		}
	}
	return why
}
