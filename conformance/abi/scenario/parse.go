package scenario

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wraft/wraft/plugins/abi"
)

// Bounds of a file, so that a wrong one (a module, say) is told at once.
const (
	fileBytesMax = 4 << 20
	stepsMax     = 100_000
)

// File is a scenario.
type File struct {
	// Name is what failures name.
	Name  string
	Steps []Step
}

// Kind says what a step does.
type Kind int

// The kinds of steps.
const (
	// Call gives an entry of one or more commands.
	Call Kind = iota
	// Query asks.
	Query
	// Time lets the log's time advance.
	Time
	// Export compares the exported state.
	Export
)

// Step is one thing that happens, with what is expected of it.
type Step struct {
	Kind Kind
	// Line is where it stands, from 1.
	Line int
	// Asks are the commands of an entry, or the one query.
	Asks []Ask
	// Events are what the entry emits; only compared if there are any.
	Events [][]byte
	// Advance is for Time.
	Advance time.Duration
	// State is for Export.
	State []byte
}

// Ask is a command or query.
type Ask struct {
	Data []byte
	// Want is what is expected of its answer; nil: anything with status 0 or a
	// status of the machine's own.
	Want *Want
}

// Want is an expectation.
type Want struct {
	Line int
	// Status is what the answer must have.
	Status int32
	// Data is the whole answer (Whole) or a part of it.
	Data  []byte
	Whole bool
}

// SyntaxError says where a file is not a scenario. Its author mends it.
type SyntaxError struct {
	File string
	Line int
	What string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What) }

// Parse reads a scenario. Errors are *SyntaxError.
func Parse(name string, text []byte) (*File, error) {
	if len(text) > fileBytesMax {
		return nil, &SyntaxError{name, 1, fmt.Sprintf("%d bytes are too many for a scenario; the most is %d", len(text), fileBytesMax)}
	}
	f := &File{Name: name}
	for n, line := range bytes.Split(text, []byte("\n")) {
		trimmed := strings.TrimSpace(string(line))
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		verb, rest, _ := strings.Cut(trimmed, " ")
		if err := f.line(n+1, verb, strings.TrimSpace(rest)); err != nil {
			return nil, &SyntaxError{name, n + 1, err.Error()}
		}
		if len(f.Steps) > stepsMax {
			return nil, &SyntaxError{name, n + 1, fmt.Sprintf("more than %d steps", stepsMax)}
		}
	}
	return f, nil
}

func (f *File) line(n int, verb, rest string) error {
	switch verb {
	case "call", "also", "query", "want", "has", "event", "export":
		data, err := parseData(rest)
		if err != nil {
			return err
		}
		return f.dataLine(n, verb, data)
	case "fail":
		return f.fail(n, rest)
	case "time":
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return fmt.Errorf("time wants a duration as 150ms, got %q", rest)
		}
		f.Steps = append(f.Steps, Step{Kind: Time, Line: n, Advance: d})
		return nil
	}
	return fmt.Errorf("unknown word %q; there are call, also, query, want, has, fail, event, time and export", verb)
}

func (f *File) dataLine(n int, verb string, data []byte) error {
	switch verb {
	case "call":
		f.Steps = append(f.Steps, Step{Kind: Call, Line: n, Asks: []Ask{{Data: data}}})
	case "query":
		f.Steps = append(f.Steps, Step{Kind: Query, Line: n, Asks: []Ask{{Data: data}}})
	case "export":
		f.Steps = append(f.Steps, Step{Kind: Export, Line: n, State: data})
	case "also", "event":
		last := f.last(Call)
		if last == nil {
			return fmt.Errorf("%s belongs below a call", verb)
		}
		if verb == "event" {
			last.Events = append(last.Events, data)
		} else {
			last.Asks = append(last.Asks, Ask{Data: data})
		}
	case "want":
		return f.expect(Want{Line: n, Data: data, Whole: true})
	case "has":
		return f.expect(Want{Line: n, Data: data})
	}
	return nil
}

// last is the last step if it is of one of the kinds.
func (f *File) last(kinds ...Kind) *Step {
	if len(f.Steps) == 0 {
		return nil
	}
	step := &f.Steps[len(f.Steps)-1]
	for _, k := range kinds {
		if step.Kind == k {
			return step
		}
	}
	return nil
}

func (f *File) expect(w Want) error {
	step := f.last(Call, Query)
	if step == nil {
		return errors.New("an expectation belongs below a call, also or query")
	}
	ask := &step.Asks[len(step.Asks)-1]
	if ask.Want != nil {
		return fmt.Errorf("the answer has an expectation already, in line %d", ask.Want.Line)
	}
	ask.Want = &w
	return nil
}

// statuses are the names of the host's.
var statuses = map[string]int32{
	"trap": abi.StatusTrap, "limits": abi.StatusLimits, "malformed": abi.StatusMalformed, "fuel": abi.StatusFuel, "stack": abi.StatusStack,
}

func (f *File) fail(n int, rest string) error {
	word, text, _ := strings.Cut(rest, " ")
	status, named := statuses[word]
	if !named {
		number, err := strconv.ParseInt(word, 10, 32)
		if err != nil || number <= 0 {
			return fmt.Errorf("fail wants a status above 0, or trap, limits, malformed, fuel or stack, got %q", word)
		}
		status = int32(number)
	}
	data, err := parseData(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	return f.expect(Want{Line: n, Status: status, Data: data})
}

// hexPrefix starts bytes in hexadecimal.
const hexPrefix = "hex:"

// ParseData reads data as it stands behind the word of a line: text, a string in
// quotes, or bytes in hexadecimal.
func ParseData(text string) ([]byte, error) { return parseData(strings.TrimSpace(text)) }

func parseData(text string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(text, hexPrefix); ok {
		b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			return nil, fmt.Errorf("not bytes in hexadecimal: %w", err)
		}
		return b, nil
	}
	if strings.HasPrefix(text, `"`) {
		s, err := strconv.Unquote(text)
		if err != nil {
			return nil, fmt.Errorf("a string in quotes must end with one and use the escapes of Go: %s", text)
		}
		return []byte(s), nil
	}
	return []byte(text), nil
}

// Commands are all commands of the file, in order.
func (f *File) Commands() [][]byte { return f.data(Call) }

// Queries are all queries of the file, in order.
func (f *File) Queries() [][]byte { return f.data(Query) }

func (f *File) data(kind Kind) (out [][]byte) {
	for _, s := range f.Steps {
		for _, a := range s.Asks {
			if s.Kind == kind {
				out = append(out, a.Data)
			}
		}
	}
	return out
}
