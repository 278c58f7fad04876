package transcript

import (
	"context"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	page := strings.Join([]string{
		"# Title", "```console", "$ one", "out 1", "", "out 2", "$ two \\", "    more", "$ three &", "ready", "```",
		"```sh", "$ not this", "```", "```console", "$ four", "```",
	}, "\n")
	got, err := Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	want := []Command{
		{Line: 3, Text: "one", Want: []string{"out 1", "", "out 2"}},
		{Line: 7, Text: "two more"},
		{Line: 9, Text: "three", Background: true, Want: []string{"ready"}},
		{Line: 16, Text: "four"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	for _, bad := range []string{"```console\nout\n```", "```console\n$ one\n"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q parses", bad)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a|b", "a|b", true}, {"a|b", "a", false}, {"a", "a|b", false}, {"a", "a  ", true}, {"a", "b", false},
		{"...|b", "x|y|b", true}, {"...", "", true}, {"a|...", "a", true}, {"...|c", "a|b", false},
		{"a … c", "a b c", true}, {"a…", "a", true}, {"…c", "abc", true}, {"a…b…c", "a-b-c", true}, {"a…b…c", "a-c", false},
		{"ab…ba", "aba", false}, {"x…", "a", false},
	} {
		split := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, "|")
		}
		if got := Match(split(c.want), split(c.got)); got != c.ok {
			t.Errorf("Match(%q, %q) = %v", c.want, c.got, got)
		}
	}
}

func startSession(t *testing.T) *Session {
	t.Helper()
	s, err := Start(t.TempDir(), os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSessionKeepsStateAndComparesOutput(t *testing.T) {
	s := startSession(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, c := range []struct {
		text string
		want []string
		says string // "" when the command is as it should be
	}{
		{"x=5", nil, ""},
		{"echo $x; echo err >&2", []string{"5", "err"}, ""},
		{"printf 'no newline'", []string{"no newline"}, ""},
		{"cat", nil, ""}, // reads nothing: not the commands that follow
		{"echo 5", []string{"6"}, "the output differs"},
		{"false", nil, "exit code 1"},
		{"mkdir d && cd d && pwd", []string{"…/d"}, ""},
	} {
		err := s.Run(ctx, Command{Line: 1, Text: c.text, Want: c.want})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.text, err, c.says)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBackgroundCommands(t *testing.T) {
	s := startSession(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	script := `bash -c 'trap "exit 0" TERM; echo one; echo two; while :; do sleep 0.05; done'`
	if err := s.Run(ctx, Command{Text: script, Background: true, Want: []string{"one", "t…"}}); err != nil {
		t.Fatal(err)
	}
	// Why deaf to SIGTERM: its output ends a moment before it does, and Close must
	// not catch it in between.
	err := s.Run(ctx, Command{Text: `bash -c 'trap "" TERM; echo other'`, Background: true, Want: []string{"one"}})
	if err == nil || !strings.Contains(err.Error(), "it ended") {
		t.Fatalf("a command that prints something else: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
