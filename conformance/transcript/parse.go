package transcript

import (
	"fmt"
	"strings"
)

// Command is one line to run and what it is said to print.
type Command struct {
	// Line is the place in the page, from 1.
	Line int
	// Text is what follows "$ ", with continuation lines joined.
	Text string
	// Background is true when the text ended in " &", which is cut off.
	Background bool
	// Want are the lines of output the page shows.
	Want []string
}

// Parse finds the commands of all console blocks of a page, in order. A block
// that begins with anything but a command, or does not end, is an error.
func Parse(page string) ([]Command, error) {
	var out []Command
	inside, opened := false, 0
	for i, line := range strings.Split(page, "\n") {
		switch {
		case !inside && strings.TrimSpace(line) == "```console":
			inside, opened = true, len(out)
		case inside && strings.HasPrefix(line, "```"):
			inside = false
		case !inside:
		case strings.HasPrefix(line, "$ "):
			out = append(out, command(i+1, strings.TrimPrefix(line, "$ ")))
		case len(out) == opened:
			return nil, fmt.Errorf("transcript: line %d: a block begins with a command", i+1)
		default:
			last := &out[len(out)-1]
			if cut, ok := strings.CutSuffix(last.Text, "\\"); ok && len(last.Want) == 0 {
				*last = command(last.Line, cut+strings.TrimSpace(line))
			} else {
				last.Want = append(last.Want, line)
			}
		}
	}
	if inside {
		return nil, fmt.Errorf("transcript: the last block does not end")
	}
	return out, nil
}

func command(line int, text string) Command {
	cut, background := strings.CutSuffix(text, " &")
	return Command{Line: line, Text: cut, Background: background}
}

// Match reports whether the output is as wanted. Trailing blanks of a line don't
// count.
func Match(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if want[0] == "..." {
		for skip := 0; skip <= len(got); skip++ {
			if Match(want[1:], got[skip:]) {
				return true
			}
		}
		return false
	}
	return len(got) > 0 && matchLine(want[0], got[0]) && Match(want[1:], got[1:])
}

// matchLine compares one line; each "…" stands for any text, also none.
func matchLine(want, got string) bool {
	want, got = strings.TrimRight(want, " \t\r"), strings.TrimRight(got, " \t\r")
	parts := strings.Split(want, "…")
	if len(parts) == 1 {
		return want == got
	}
	first, last := parts[0], parts[len(parts)-1]
	rest, ok := strings.CutPrefix(got, first)
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, last)
}
