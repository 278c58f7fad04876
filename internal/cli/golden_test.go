package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// update rewrites golden files instead of comparing with them.
var update = flag.Bool("update", false, "rewrite the golden files, docs/ERRORS.md included")

// golden compares a text with a file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (go test ./internal/cli -update rewrites it); got:\n%s", file, got)
	}
}

func testProgram(stdout, stderr *bytes.Buffer, environ ...string) *Program {
	return &Program{
		Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr, Environ: environ, Version: "v0.0.0-test", Now: time.Now,
	}
}

func TestErrorsPage(t *testing.T) {
	golden(t, filepath.Join("..", "..", "docs", "ERRORS.md"), ErrorsPage())
}

// helpDir has the help of every command.
const helpDir = "testdata/help"

// TestHelp keeps the help of every command in testdata/help, so that a change of
// the command line is seen in review. What is there of no command is of one that is gone.
func TestHelp(t *testing.T) {
	left := map[string]bool{}
	entries, err := os.ReadDir(helpDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		left[e.Name()] = true
	}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		var stdout, stderr bytes.Buffer
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		if code := testProgram(&stdout, &stderr).run(t.Context(), args); code != 0 || stderr.Len() != 0 {
			t.Fatalf("%v: exit code %d\n%s", args, code, &stderr)
		}
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".txt"
		delete(left, name)
		golden(t, filepath.Join(helpDir, name), stdout.String())
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(wholeCommand())
	for name := range left {
		t.Errorf("%s/%s is the help of no command", helpDir, name)
	}
}

// wholeCommand has all commands, those too that cobra adds when it runs one.
func wholeCommand() *cobra.Command {
	var out bytes.Buffer
	root := testProgram(&out, &out).rootCommand()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}
