package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// What programs rely on is names and types. Values differ from run to run, so scripts compare the
// shape of an output: a line per name, sorted.

// shapeOf writes the shape of the JSON that the last command printed to a file: shape FILE
func shapeOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: shape FILE")
	}
	text, err := shape(ts.ReadFile("stdout"))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// shape is the shape of one JSON value or of several in a row.
func shape(text string) (string, error) {
	lines := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(text)); ; {
		var v any
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", fmt.Errorf("not JSON: %w", err)
		}
		note(lines, "", v)
	}
	if len(lines) == 0 {
		return "", errors.New("nothing was printed")
	}
	return strings.Join(slices.Sorted(maps.Keys(lines)), "\n") + "\n", nil
}

// note adds the lines of a value that stands at path.
func note(lines map[string]bool, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			note(lines, path+"."+name, inner)
		}
	case []any:
		lines[path+" list"] = true
		for _, inner := range v {
			note(lines, path+"[]", inner)
		}
	case nil:
		lines[path+" null"] = true
	default:
		lines[fmt.Sprintf("%s %T", path, v)] = true
	}
}

func TestShape(t *testing.T) {
	got, err := shape(`{"b":[{"c":1},{"d":null}],"a":"x"} {"a":true,"e":[]}`)
	if want := ".a bool\n.a string\n.b list\n.b[].c float64\n.b[].d null\n.e list\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", "a table", `{"cut":`} {
		if got, err := shape(bad); err == nil {
			t.Errorf("%q has the shape %q", bad, got)
		}
	}
}

// noData are the commands that print nothing for programs: they run until they are stopped, or
// write what a shell or a person reads.
var noData = []string{"wraftd run", "wraftd dev", "wraftd top", "wraftd help", "wraftd compile-worker"}

// TestEveryCommandSpeaksJSON: a script has every command print JSON and looks at it.
func TestEveryCommandSpeaksJSON(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var asked []string
	for _, file := range scripts {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		asked = append(asked, lookedAt(string(text))...)
	}
	for _, name := range leaves(wholeCommand()) {
		printed := regexp.MustCompile(regexp.QuoteMeta(name) + ` [^&|;]*-o json`)
		if !slices.Contains(noData, name) && !strings.HasPrefix(name, "wraftd completion ") && !slices.ContainsFunc(asked, printed.MatchString) {
			t.Errorf("no script looks at what %s -o json prints", name)
		}
	}
}

// looks is the line of a script behind a command whose output it looks at.
var looks = regexp.MustCompile(`^(stdout|cmp stdout|cp stdout|shape) `)

// lookedAt are the commands of a script whose output the line below them looks at.
func lookedAt(script string) (commands []string) {
	lines := strings.Split(script, "\n")
	for i, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, "#") && looks.MatchString(lines[i+1]) {
			commands = append(commands, line)
		}
	}
	return commands
}

// leaves are the names of the commands that do something.
func leaves(cmd *cobra.Command) (names []string) {
	if cmd.Runnable() && (!cmd.HasSubCommands() || cmd.RunE != nil && cmd.Args != nil) {
		names = append(names, cmd.CommandPath())
	}
	for _, sub := range cmd.Commands() {
		names = append(names, leaves(sub)...)
	}
	return names
}
