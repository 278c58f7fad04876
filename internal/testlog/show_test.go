package testlog

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

// told are events of package p, each given as "action test output".
func told(t *testing.T, events ...[3]string) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		line, err := json.Marshal(event{Action: e[0], Package: "p", Test: e[1], Output: e[2]})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// mixed is a package in which A passes, B is skipped and C fails, side by side.
func mixed(t *testing.T) string {
	return told(t,
		[3]string{"output", "", "before all\n"},
		[3]string{"run", "A"}, [3]string{"output", "A", "=== RUN   A\n"}, [3]string{"output", "A", "    a_test.go:1: log of A\n"},
		[3]string{"run", "C"}, [3]string{"output", "C", "    c_test.go:1: log of C\n"},
		[3]string{"output", "A", "WARNING: DATA RACE\n"}, [3]string{"output", "A", "  p.C()\n"}, [3]string{"output", "A", "      /p/c.go:7 +0x1\n"},
		[3]string{"output", "A", "        the log goes on\n"}, [3]string{"output", "A", "--- PASS: A (0.01s)\n"}, [3]string{"pass", "A"},
		[3]string{"output", "B", "    b_test.go:1: first words\n"}, [3]string{"output", "B", "    b_test.go:2: no\tluck\n"},
		[3]string{"output", "B", "--- SKIP: B (0.00s)\n"}, [3]string{"skip", "B"},
		[3]string{"output", "C", "--- FAIL: C (0.01s)\n"}, [3]string{"fail", "C"},
		[3]string{"output", "", "FAIL\n"}, [3]string{"output", "", "FAIL\tp\t0.1s\n"})
}

// whole is what is shown of mixed when it has failed.
const whole = "before all\nWARNING: DATA RACE\n  p.C()\n      /p/c.go:7 +0x1\n    c_test.go:1: log of C\n--- FAIL: C (0.01s)\nFAIL\nFAIL\tp\t0.1s\n"

func TestShow(t *testing.T) {
	for _, row := range []struct{ what, events, want string }{
		{"a package that fails", mixed(t) + told(t, [3]string{"fail"}), whole},
		{"one that is cut short", mixed(t), whole},
		{"one that passes", told(t, [3]string{"output", "A", "words\n"}, [3]string{"pass", "A"}, [3]string{"output", "", "PASS\n"},
			[3]string{"output", "", "ok  \tp\t(cached)\n"}, [3]string{"pass"}), "ok  \tp\t(cached)\n"},
		{"one without tests", told(t, [3]string{"output", "", "?   \tp\t[no test files]\n"}, [3]string{"skip"}), "?   \tp\t[no test files]\n"},
		{"one that ends in a test", told(t, [3]string{"run", "A"}, [3]string{"output", "A", "panic: oh\n"}, [3]string{"output", "A", "\tp/a.go:1\n"},
			[3]string{"fail", "A"}, [3]string{"output", "", "FAIL\tp\t0.1s\n"}, [3]string{"fail"}), "panic: oh\n\tp/a.go:1\nFAIL\tp\t0.1s\n"},
		{"one whose test fails once of three times", told(t, [3]string{"output", "A", "    log 1\n"}, [3]string{"pass", "A"}, [3]string{"output", "A", "    log 2\n"},
			[3]string{"fail", "A"}, [3]string{"output", "A", "    log 3\n"}, [3]string{"pass", "A"}, [3]string{"fail"}), "    log 1\n    log 2\n    log 3\n"},
		{"a compiler's words", `{"ImportPath":"p","Action":"build-output","Output":"# p\n"}` + "\n", "# p\n"},
		{"what is no event", "go: no such tool\n{\"a\":1}\nhalf a line", "go: no such tool\n{\"a\":1}\nhalf a line"},
	} {
		var out strings.Builder
		if _, err := Show(&out, strings.NewReader(row.events)); err != nil || out.String() != row.want {
			t.Errorf("%s: %v, shown:\n%s\nwant:\n%s", row.what, err, out.String(), row.want)
		}
	}
}

func TestShowNotesOutcomes(t *testing.T) {
	o, err := Show(&strings.Builder{}, strings.NewReader(mixed(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[Name]string{{"p", "A"}: "", {"p", "B"}: "no luck", {"p", "C"}: ""}
	if len(o.why) != len(want) {
		t.Errorf("%v, want %v", o.why, want)
	}
	for n, why := range want {
		if have, known := o.why[n]; !known || have != why {
			t.Errorf("%v: %q, %v; want %q", n, have, known, why)
		}
	}
	o, err = Show(&strings.Builder{}, strings.NewReader(told(t, [3]string{"output", "A", "--- SKIP: A (0.00s)\n"}, [3]string{"skip", "A"})))
	if err != nil || o.why[Name{"p", "A"}] == "" {
		t.Errorf("one that says nothing counts as played: %v, %v", o.why, err)
	}
}

// TestShowReadsToTheEnd though nobody takes what it writes, and tells errors of both sides.
func TestShowReadsToTheEnd(t *testing.T) {
	in := strings.NewReader(mixed(t) + told(t, [3]string{"fail"}) + strings.Repeat("words\n", 10_000))
	if _, err := Show(broken{}, in); !errors.Is(err, errBroken) || in.Len() > 0 {
		t.Errorf("%v, %d bytes are left", err, in.Len())
	}
	if _, err := Show(&strings.Builder{}, iotest.ErrReader(errBroken)); !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
