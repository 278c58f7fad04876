package testlog

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
)

// runs are outcomes of two runs in a file: of what the first skips the second plays one, and
// skips another for another reason.
func runs(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "outcomes")
	var first, second Outcomes
	for _, test := range []string{"A", "B", "C", "D"} {
		first.skipped(Name{module + "p", test}, "for the long suites")
	}
	first.played(Name{module + "p", "E"})
	second.played(Name{module + "p", "A"})
	second.skipped(Name{module + "p", "B"}, "no history")
	second.skipped(Name{module + "p", "D"}, "no history")
	second.skipped(Name{module + "p", "E"}, "no history")
	for _, o := range []Outcomes{first, second} {
		if err := o.Append(file); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

func TestSkippedByAllRuns(t *testing.T) {
	o, err := Read(runs(t))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := o.WriteSkipped(&out); err != nil {
		t.Fatal(err)
	}
	if want := "skipped: tests=3 of=5\n  for the long suites\n    p C\n  no history\n    p B\n    p D\n"; out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
	if got := o.Needless([]string{"long suites"}); !slices.Equal(got, []Name{{module + "p", "C"}}) {
		t.Errorf("needless: %v", got)
	}
	if got := o.Needless([]string{"no compiler"}); len(got) > 0 {
		t.Errorf("needless: %v", got)
	}
}

func TestReadRefusesStrangeFiles(t *testing.T) {
	file := runs(t)
	if err := os.WriteFile(file, []byte("p A\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(file); err == nil || !strings.Contains(err.Error(), `"p A\n"`) {
		t.Errorf("%v", err)
	}
	if _, err := Read(file + "x"); err == nil {
		t.Error("a file that is not there reads as one without skips")
	}
	if err := new(Outcomes).Append(filepath.Join(file, "below")); err == nil {
		t.Error("a file below a file was written")
	}
}

// TestUntrueWordsAreThoseOfTests: the tests skip themselves in these words.
func TestUntrueWordsAreThoseOfTests(t *testing.T) {
	words := Untrue() // Go is here, who runs this
	if !slices.Contains(words, noCompiler+"go: no ") || !slices.Contains(words, forLongSuites) || slices.Contains(words, "") {
		t.Errorf("untrue: %q", words)
	}
	for words, file := range map[string]string{
		noBrowser: "conformance/ui/browser.go", `t.Skip("` + forLongSuites: "conformance/rolling/rolling_test.go",
	} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil || !strings.Contains(string(text), words) {
			t.Errorf("%s does not say %q: %v", file, words, err)
		}
	}
	t.Setenv("PATH", "")
	if _, err := toolchain.Find("c"); err == nil || !strings.HasPrefix(err.Error(), noCompiler+"c: no ") {
		t.Errorf("a missing compiler reads %q", err)
	}
	if words := Untrue(); slices.Contains(words, noCompiler+"c: no ") || slices.Contains(words, noBrowser) {
		t.Errorf("untrue where nothing is: %q", words)
	}
}
