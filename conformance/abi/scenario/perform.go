package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
)

// Start is the moment of a scenario's first entry.
var Start = plugins.Moment{Index: 1, Time: 1}

// Answer is what a machine did in one step.
type Answer struct {
	// Results are those of the step's commands, or of its query.
	Results []plugins.Result
	// Events are what an entry emitted.
	Events [][]byte
	// State is what the machine exported, unless Refusal says why not.
	State   []byte
	Refusal *plugins.GuestError
}

// Perform runs the steps of a file without looking at what they expect. The first
// entry has the moment at; the moment of the next one is returned. Each answer goes
// to report, whose error ends it. Errors besides that are trouble of the host.
func Perform(ctx context.Context, m Machine, f *File, at plugins.Moment, report func(Step, Answer) error) (plugins.Moment, error) {
	for _, s := range f.Steps {
		var a Answer
		var err error
		switch s.Kind {
		case Call:
			a, err = enter(ctx, m, at, s)
			at.Index++
		case Query:
			var r plugins.Result
			r, err = m.Query(ctx, s.Asks[0].Data)
			a.Results = []plugins.Result{r}
		case Time:
			at.Time += int64(s.Advance)
		case Export:
			a, err = export(ctx, m)
		}
		if err == nil {
			err = report(s, a)
		}
		if err != nil {
			return at, fmt.Errorf("%s:%d: %w", f.Name, s.Line, err)
		}
	}
	return at, nil
}

// enter applies the commands of a step as one entry.
func enter(ctx context.Context, m Machine, at plugins.Moment, s Step) (a Answer, err error) {
	commands := make([][]byte, len(s.Asks))
	for i, ask := range s.Asks {
		commands[i] = ask.Data
	}
	if a.Results, err = m.Apply(ctx, at, commands); err != nil {
		return a, err
	}
	for _, e := range m.Events() {
		a.Events = append(a.Events, e.Data)
	}
	return a, nil
}

func export(ctx context.Context, m Machine) (a Answer, err error) {
	var state bytes.Buffer
	err = m.Export(ctx, &state)
	if errors.As(err, &a.Refusal) {
		return a, nil
	}
	a.State = state.Bytes()
	return a, err
}

// Record writes a step and its answer as a scenario that expects just that.
func Record(w io.Writer, s Step, a Answer) error {
	var b bytes.Buffer
	switch s.Kind {
	case Time:
		fmt.Fprintf(&b, "time %v\n", s.Advance)
	case Export:
		if a.Refusal != nil {
			fmt.Fprintf(&b, "# the machine does not export: %v\n", a.Refusal)
		} else {
			fmt.Fprintf(&b, "export %s\n", whole(a.State))
		}
	}
	word := map[Kind]string{Call: "call", Query: "query"}[s.Kind]
	for i, r := range a.Results {
		if i > 0 {
			word = "also"
		}
		fmt.Fprintf(&b, "%s %s\n%s\n", word, whole(s.Asks[i].Data), expectation(r))
	}
	for _, e := range a.Events {
		fmt.Fprintf(&b, "event %s\n", whole(e))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func expectation(r plugins.Result) string {
	if r.Status == 0 {
		return "want " + whole(r.Data)
	}
	word := fmt.Sprint(r.Status)
	for name, status := range statuses {
		if status == r.Status {
			word = name
		}
	}
	return fmt.Sprintf("fail %s %s", word, whole(r.Data))
}
