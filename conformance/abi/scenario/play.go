package scenario

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/wraft/wraft/plugins"
)

// Machine is what a scenario is played against; *plugins.Instance is one. The
// slices it gets and gives belong to whoever passed them until the next call.
type Machine interface {
	Apply(ctx context.Context, at plugins.Moment, commands [][]byte) ([]plugins.Result, error)
	Query(ctx context.Context, query []byte) (plugins.Result, error)
	Events() []plugins.Event
	Export(ctx context.Context, w io.Writer) error
}

// Failure is an expectation that was not met.
type Failure struct {
	File string
	Line int
	What string
}

// Error names the place and what differs.
func (f Failure) Error() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.What) }

// Play runs the steps in order, from the moment Start on, and returns what was
// not as expected. The error is trouble of the host: nothing may be concluded.
func Play(ctx context.Context, m Machine, f *File) ([]Failure, error) {
	p := &player{file: f}
	_, err := Perform(ctx, m, f, Start, func(s Step, a Answer) error {
		p.judge(s, a)
		return nil
	})
	return p.failures, err
}

// player holds answers against expectations.
type player struct {
	file     *File
	failures []Failure
}

func (p *player) judge(s Step, a Answer) {
	for i, r := range a.Results {
		p.compare(s.Line, s.Asks[i].Want, r)
	}
	if len(s.Events) > 0 && !slices.EqualFunc(s.Events, a.Events, bytes.Equal) {
		p.fail(s.Line, "events are %s, want %s", showAll(a.Events), showAll(s.Events))
	}
	switch {
	case s.Kind != Export:
	case a.Refusal != nil:
		p.fail(s.Line, "the machine does not export: %v", a.Refusal)
	case !bytes.Equal(a.State, s.State):
		p.fail(s.Line, "the exported state is %s, want %s", Show(a.State), Show(s.State))
	}
}

func (p *player) compare(line int, w *Want, got plugins.Result) {
	switch {
	case w == nil && got.Status < 0:
		p.fail(line, "status %d: %s; a failure that is meant says so with fail", got.Status, Show(got.Data))
	case w == nil:
	case got.Status != w.Status:
		p.fail(w.Line, "status %d %s, want status %d %s", got.Status, Show(got.Data), w.Status, Show(w.Data))
	case w.Whole && !bytes.Equal(got.Data, w.Data):
		p.fail(w.Line, "the answer is %s, want %s", Show(got.Data), Show(w.Data))
	case !w.Whole && !bytes.Contains(got.Data, w.Data):
		p.fail(w.Line, "the answer is %s, want a part of it to be %s", Show(got.Data), Show(w.Data))
	}
}

func (p *player) fail(line int, format string, args ...any) {
	p.failures = append(p.failures, Failure{p.file.Name, line, fmt.Sprintf(format, args...)})
}

// showBytesMax is how much of some data a message shows.
const showBytesMax = 200

// Show renders data as a scenario would have it: text as it is where it reads as
// such, otherwise in quotes or in hexadecimal; long data is cut.
func Show(data []byte) string {
	if len(data) <= showBytesMax {
		return whole(data)
	}
	return fmt.Sprintf("%s... (%d bytes)", whole(data[:showBytesMax]), len(data))
}

// whole renders data so that it reads back.
func whole(data []byte) string {
	text := string(data)
	switch {
	case text == "":
		return `""`
	case !utf8.ValidString(text):
		return fmt.Sprintf("%s % x", hexPrefix, data)
	case text == string(bytes.TrimSpace(data)) && text[0] != '"' && !bytes.HasPrefix(data, []byte(hexPrefix)) && printable(text):
		return text
	}
	return strconv.Quote(text)
}

func printable(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func showAll(list [][]byte) string {
	if len(list) == 0 {
		return "none"
	}
	out := ""
	for i, data := range list {
		if i > 0 {
			out += ", "
		}
		out += Show(data)
	}
	return out
}
