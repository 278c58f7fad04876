package testlog

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// strange is a module whose packages end in all the ways that packages can.
var strange = map[string]string{
	"go.mod":             "module strange\ngo 1.26\n",
	"passes/x_test.go":   "package x\nimport \"testing\"\nfunc TestX(t *testing.T) { t.Log(\"hidden\") }\nfunc TestY(t *testing.T) { t.Skip(\"for the long suites: Y\") }\n",
	"fails/x_test.go":    "package x\nimport (\"fmt\"; \"os\"; \"testing\")\nfunc TestX(t *testing.T) {\nfmt.Fprintln(os.Stderr, \"on stderr\"); fmt.Print(\"half a line\")\nt.Run(\"sub\", func(t *testing.T) { t.Error(\"of\\nmany lines\") }) }\nfunc TestY(t *testing.T) { t.Log(\"hidden\") }\n",
	"panics/x_test.go":   "package x\nimport \"testing\"\nfunc TestX(t *testing.T) { panic(\"oh\") }\n",
	"exits/x_test.go":    "package x\nimport (\"os\"; \"testing\")\nfunc TestX(t *testing.T) { os.Stdout.WriteString(\"last words\\n\"); os.Exit(3) }\n",
	"hangs/x_test.go":    "package x\nimport \"testing\"\nfunc TestX(t *testing.T) { t.Log(\"so far\"); select {} }\n",
	"broken/x_test.go":   "package x\nimport \"testing\"\nfunc TestX(t *testing.T) { nobody() }\n",
	"untested/x.go":      "package x\n",
	"alone/main_test.go": "package x\nimport (\"os\"; \"testing\")\nfunc TestMain(m *testing.M) { os.Stdout.WriteString(\"not set up\\n\"); os.Exit(1) }\n",
}

func lay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range strange {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run runs a program in dir; outcomes of tests go to a file of its own, not to that of the run that
// this test is part of.
func run(t *testing.T, dir, outcomes, program string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TESTLOG="+outcomes, "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestGotestTellsAllOfWhatFails in every way, and fails with go test's exit code.
func TestGotestTellsAllOfWhatFails(t *testing.T) {
	if testing.Short() {
		t.Skip("builds some test programs")
	}
	gotest, err := filepath.Abs("../../.ci/gotest")
	if err != nil {
		t.Fatal(err)
	}
	dir, outcomes := lay(t), filepath.Join(t.TempDir(), "outcomes")
	for _, row := range []struct {
		args  []string
		code  int
		shown []string
	}{
		{[]string{"./passes", "./fails", "./panics", "./exits", "./broken", "./untested", "./alone"}, 1, []string{
			"ok  \tstrange/passes\t", "?   \tstrange/untested\t",
			"on stderr\n", "half a line", "x_test.go:5: of\n", "        many lines\n", "--- FAIL: TestX/sub", "--- FAIL: TestX (", "FAIL\tstrange/fails\t",
			"panic: oh", "\nstrange/panics.TestX(", "FAIL\tstrange/panics\t", "last words\n", "FAIL\tstrange/exits\t",
			"undefined: nobody\n", "FAIL\tstrange/broken [build failed]\n", "not set up\n", "FAIL\tstrange/alone\t",
			"skipped: tests=1 of=", "  for the long suites: Y\n    strange/passes TestY\n",
		}},
		{[]string{"-timeout", "1s", "./hangs"}, 1, []string{"panic: test timed out after 1s\n", "FAIL\tstrange/hangs\t"}},
		{[]string{"-count=never", "./passes"}, 2, []string{"invalid value \"never\""}},
		{[]string{"./passes", "./untested"}, 0, []string{"ok  \tstrange/passes\t", "skipped: tests=1 of=2\n"}},
	} {
		said, code := run(t, dir, outcomes, gotest, row.args...)
		if code != row.code || strings.Contains(said, "hidden") {
			t.Errorf("%q: exit code %d, want %d:\n%s", row.args, code, row.code, said)
		}
		for _, words := range row.shown {
			if !strings.Contains(said, words) {
				t.Errorf("%q: %q is not shown:\n%s", row.args, words, said)
			}
		}
	}
	left(t, outcomes)
}

// left: what no run has played fails the end of CI where it could have been played.
func left(t *testing.T, outcomes string) {
	t.Helper()
	args := []string{"run", "./internal/testlog/cmd/testlog", "-left", outcomes}
	if said, code := run(t, "../..", "", "go", args...); code != 1 || !strings.Contains(said, "strange/passes TestY was never played") {
		t.Errorf("exit code %d: %s", code, said)
	}
	var later Outcomes
	later.played(Name{"strange/passes", "TestY"})
	later.skipped(Name{"strange/passes", "TestZ"}, "the system has no such thing")
	if err := later.Append(outcomes); err != nil {
		t.Fatal(err)
	}
	if said, code := run(t, "../..", "", "go", args...); code != 0 || !strings.Contains(said, "skipped: tests=1 ") {
		t.Errorf("exit code %d: %s", code, said)
	}
}
