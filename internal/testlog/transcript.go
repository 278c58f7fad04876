package testlog

import "strings"

// transcript is what a package has written so far, and its tests.
type transcript struct {
	lines []line
	quiet map[string]bool // the tests that ended: whether they passed or were skipped, each time
}

// line is one that a test wrote; that of the package itself has no test.
type line struct{ test, text string }

func (t *transcript) add(test, text string) { t.lines = append(t.lines, line{test, text}) }

// end notes the end of a test. One that is played several times may fail in one of them.
func (t *transcript) end(test string, well bool) {
	before, known := t.quiet[test]
	t.quiet[test] = well && (before || !known)
}

// of is what one test has written.
func (t *transcript) of(test string) (out []string) {
	for _, l := range t.lines {
		if l.test == test {
			out = append(out, l.text)
		}
	}
	return out
}

// passed is the line of a package that has nothing else to tell.
func (t *transcript) passed() string {
	var b strings.Builder
	for _, text := range t.of("") {
		if strings.HasPrefix(text, "ok  ") || strings.HasPrefix(text, "?   ") {
			b.WriteString(text)
		}
	}
	return b.String()
}

// failed is everything but the logs of tests that passed, each test's lines together, in the order in which
// tests first wrote any.
func (t *transcript) failed() string {
	var order []*strings.Builder
	by := map[string]*strings.Builder{}
	for _, l := range t.lines {
		b := by[l.test]
		if b == nil || l.test == "" { // Why those alone: the package writes before its tests, and behind them
			b = new(strings.Builder)
			order, by[l.test] = append(order, b), b
		}
		if !t.hidden(l) {
			b.WriteString(l.text)
		}
	}
	var all strings.Builder
	for _, b := range order {
		all.WriteString(b.String())
	}
	return all.String()
}

// hidden reports whether go test keeps a line to itself: what is written only because events
// were asked for, and of a test that passed its verdict and its log. Why by their indentation, four
// spaces or a multiple: what others wrote meanwhile counts as that test's, the race
// detector's report among it, and has to be seen.
func (t *transcript) hidden(l line) bool {
	if strings.HasPrefix(l.text, "=== ") {
		return true
	}
	if !t.quiet[l.test] {
		return false
	}
	indent := len(l.text) - len(strings.TrimLeft(l.text, " "))
	return indent > 0 && indent%4 == 0 || strings.HasPrefix(l.text, "--- ")
}
