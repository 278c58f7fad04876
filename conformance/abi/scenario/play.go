package scenario

import (
	"bytes"
	"context"
	"errors"
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

// Start is the moment of a scenario's first entry.
var Start = plugins.Moment{Index: 1, Time: 1}

// Play runs the steps in order, from the moment Start on, and returns what was
// not as expected. The error is trouble of the host: nothing may be concluded.
func Play(ctx context.Context, m Machine, f *File) ([]Failure, error) {
	p := &player{ctx: ctx, machine: m, file: f, at: Start}
	for _, step := range f.Steps {
		if err := p.step(step); err != nil {
			return p.failures, fmt.Errorf("%s:%d: %w", f.Name, step.Line, err)
		}
	}
	return p.failures, nil
}

type player struct {
	ctx      context.Context
	machine  Machine
	file     *File
	at       plugins.Moment
	failures []Failure
}

func (p *player) step(s Step) error {
	switch s.Kind {
	case Call:
		return p.call(s)
	case Query:
		result, err := p.machine.Query(p.ctx, s.Asks[0].Data)
		if err != nil {
			return err
		}
		p.compare(s.Line, s.Asks[0].Want, result)
	case Time:
		p.at.Time += int64(s.Advance)
	case Export:
		return p.export(s)
	}
	return nil
}

func (p *player) call(s Step) error {
	commands := make([][]byte, len(s.Asks))
	for i, a := range s.Asks {
		commands[i] = a.Data
	}
	results, err := p.machine.Apply(p.ctx, p.at, commands)
	if err != nil {
		return err
	}
	p.at.Index++
	for i, a := range s.Asks {
		p.compare(s.Line, a.Want, results[i])
	}
	if len(s.Events) == 0 {
		return nil
	}
	var emitted [][]byte
	for _, e := range p.machine.Events() {
		emitted = append(emitted, e.Data)
	}
	if !slices.EqualFunc(s.Events, emitted, bytes.Equal) {
		p.fail(s.Line, "events are %s, want %s", showAll(emitted), showAll(s.Events))
	}
	return nil
}

func (p *player) export(s Step) error {
	var state bytes.Buffer
	err := p.machine.Export(p.ctx, &state)
	var guest *plugins.GuestError
	switch {
	case errors.As(err, &guest):
		p.fail(s.Line, "the machine does not export: %v", guest)
	case err != nil:
		return err
	case !bytes.Equal(state.Bytes(), s.State):
		p.fail(s.Line, "the exported state is %s, want %s", Show(state.Bytes()), Show(s.State))
	}
	return nil
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
	cut := ""
	if len(data) > showBytesMax {
		cut = fmt.Sprintf("... (%d bytes)", len(data))
		data = data[:showBytesMax]
	}
	if len(data) == 0 {
		return `""`
	}
	text := string(data)
	switch {
	case !utf8.ValidString(text):
		return fmt.Sprintf("%s % x%s", hexPrefix, data, cut)
	case text == string(bytes.TrimSpace(data)) && text[0] != '"' && !bytes.HasPrefix(data, []byte(hexPrefix)) && printable(text):
		return text + cut
	}
	return strconv.Quote(text) + cut
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
