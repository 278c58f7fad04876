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

// TestHelp keeps the help of every command in testdata/help, so that a change of
// the command line is seen in review.
func TestHelp(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		var stdout, stderr bytes.Buffer
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		if code := testProgram(&stdout, &stderr).run(t.Context(), args); code != 0 || stderr.Len() != 0 {
			t.Fatalf("%v: exit code %d\n%s", args, code, &stderr)
		}
		golden(t, filepath.Join("testdata", "help", strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".txt"), stdout.String())
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	var out bytes.Buffer
	visit(testProgram(&out, &out).rootCommand())
}
