package scenario_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// echo is a machine in Go: it answers with the command, or fails as it is told,
// and emits each command.
type echo struct {
	at      []plugins.Moment
	entries [][][]byte
	events  []plugins.Event
	broken  error
}

func (e *echo) Apply(_ context.Context, at plugins.Moment, commands [][]byte) (out []plugins.Result, err error) {
	e.at, e.entries, e.events = append(e.at, at), append(e.entries, commands), nil
	for _, c := range commands {
		r := plugins.Result{Data: c}
		switch string(c) {
		case "refuse":
			r = plugins.Result{Status: 7, Data: []byte("I refuse")}
		case "trap":
			r = plugins.Result{Status: plugins.StatusTrap, Data: []byte("unreachable")}
		}
		out = append(out, r)
		e.events = append(e.events, plugins.Event{Data: c})
	}
	return out, e.broken
}

func (e *echo) Query(_ context.Context, q []byte) (plugins.Result, error) {
	return plugins.Result{Data: q}, nil
}

func (e *echo) Events() []plugins.Event { return e.events }

func (e *echo) Export(_ context.Context, w io.Writer) error {
	_, err := w.Write([]byte("state\n"))
	return err
}

func parse(t *testing.T, text string) *scenario.File {
	t.Helper()
	f, err := scenario.Parse("a.scenario", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const good = `
# Everything there is.
call   one
want one
also hex: 00 ff
want hex:00ff
also "two\n"
has two
event one
event hex: 00ff
event "two\n"
time 1.5s
call refuse
fail 7 refuse
call trap
fail trap unreach
query "  blanks  "
want "  blanks  "
call
want
export "state\n"
`

func TestAScenarioThatHolds(t *testing.T) {
	m := &echo{}
	failures, err := scenario.Play(t.Context(), m, parse(t, good))
	if err != nil || len(failures) > 0 {
		t.Fatalf("failures %v, %v", failures, err)
	}
	if len(m.entries) != 4 || len(m.entries[0]) != 3 || !bytes.Equal(m.entries[0][1], []byte{0, 0xff}) {
		t.Errorf("entries %q", m.entries)
	}
	if m.at[0] != scenario.Start || m.at[1].Index != 2 || m.at[1].Time != 1+int64(1500*time.Millisecond) {
		t.Errorf("moments %+v", m.at)
	}
}

// TestEveryExpectationCanFail breaks each line that expects something.
func TestEveryExpectationCanFail(t *testing.T) {
	for _, c := range []struct{ text, line, what string }{
		{"call one\nwant two", ":2:", "the answer is one, want two"},
		{"call one\nhas two", ":2:", "want a part of it to be two"},
		{"call refuse\nwant refuse", ":2:", "status 7 I refuse, want status 0"},
		{"call refuse\nfail 7 nothing", ":2:", "want a part"},
		{"call refuse\nfail 8", ":2:", "want status 8"},
		{"call one\n\nfail trap", ":3:", "want status -1"},
		{"call one\nalso trap", ":1:", "status -1: unreachable"},
		{"call one\nevent two", ":1:", "events are one, want two"},
		{"query one\nwant hex: 00", ":2:", `want "\x00"`},
		{"export nothing", ":1:", `the exported state is "state\n", want nothing`},
	} {
		failures, err := scenario.Play(t.Context(), &echo{}, parse(t, c.text))
		if err != nil || len(failures) != 1 || !strings.Contains(failures[0].Error(), c.what) || !strings.Contains(failures[0].Error(), "a.scenario"+c.line) {
			t.Errorf("%q: failures %v, %v; want one in line %s about %q", c.text, failures, err, c.line, c.what)
		}
	}
}

func TestMistakesNameTheirLine(t *testing.T) {
	for _, c := range []struct{ text, what string }{
		{"hello", "unknown word"},
		{"want x", "below a call"},
		{"time 1s\nalso x", "below a call"},
		{"time -1s", "duration"},
		{"time soon", "duration"},
		{"event x", "below a call"},
		{"call x\nwant y\nwant z", "already"},
		{"call hex: 0", "hexadecimal"},
		{`call "open`, "quotes"},
		{"call x\nfail", "status"},
		{"call x\nfail 0", "status"},
		{"call x\nfail 99999999999", "status"},
	} {
		_, err := scenario.Parse("a.scenario", []byte("\n"+c.text))
		var wrong *scenario.SyntaxError
		if !errors.As(err, &wrong) || !strings.Contains(wrong.What, c.what) || wrong.Line != strings.Count(c.text, "\n")+2 {
			t.Errorf("%q: %v, want a mistake in the last line about %q", c.text, err, c.what)
		}
	}
	if _, err := scenario.Parse("big", make([]byte, 5<<20)); err == nil {
		t.Error("five megabytes are a scenario")
	}
}

func TestTroubleOfTheHostIsNoFailure(t *testing.T) {
	failures, err := scenario.Play(t.Context(), &echo{broken: plugins.ErrBroken}, parse(t, "call one\nwant two"))
	if !errors.Is(err, plugins.ErrBroken) || len(failures) != 0 {
		t.Errorf("failures %v, %v", failures, err)
	}
}

// TestShownDataReadsBack holds Show against the parser.
func TestShownDataReadsBack(t *testing.T) {
	for _, data := range []string{"", "plain", " blank", "tab\t", "\"quoted\"", "hex: 00", "\xff\x00", "line\nline", "größe"} {
		f := parse(t, "call "+scenario.Show([]byte(data)))
		if got := f.Commands()[0]; string(got) != data {
			t.Errorf("%q is shown as %s and reads as %q", data, scenario.Show([]byte(data)), got)
		}
	}
}

func TestInputsOfAFile(t *testing.T) {
	f := parse(t, good)
	if len(f.Commands()) != 6 || len(f.Queries()) != 1 {
		t.Errorf("%d commands and %d queries, want 6 and 1", len(f.Commands()), len(f.Queries()))
	}
}

// TestARecordHolds performs steps, writes down what happened, and plays that.
func TestARecordHolds(t *testing.T) {
	var record bytes.Buffer
	f := parse(t, good)
	next, err := scenario.Perform(t.Context(), &echo{}, f, scenario.Start, func(s scenario.Step, a scenario.Answer) error {
		return scenario.Record(&record, s, a)
	})
	if err != nil || next.Index != 5 {
		t.Fatalf("next is %+v, %v", next, err)
	}
	again := parse(t, record.String())
	failures, err := scenario.Play(t.Context(), &echo{}, again)
	if err != nil || len(failures) > 0 || len(again.Steps) != len(f.Steps) {
		t.Errorf("failures %v, %v of %d steps:\n%s", failures, err, len(again.Steps), &record)
	}
	for _, line := range []string{"want one\n", "fail 7 I refuse\n", "fail trap unreachable\n", "time 1.5s\n", "event hex: 00 ff\n", "export \"state\\n\"\n"} {
		if !strings.Contains(record.String(), line) {
			t.Errorf("the record lacks %q:\n%s", line, &record)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := scenario.Parse("f", text)
		if err != nil {
			return
		}
		if _, err := scenario.Play(t.Context(), &echo{}, file); err != nil {
			t.Fatal(err)
		}
	})
}
