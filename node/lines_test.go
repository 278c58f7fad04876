package node

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

// lineTexts are the lines behind a place, with ~ where some were missed.
func lineTexts(l *logLines, after uint64) string {
	var out []string
	for {
		lines, more, _ := l.after(after)
		if more != nil || len(lines) == 0 {
			return strings.Join(out, " ")
		}
		for _, line := range lines {
			if line.Missed {
				out = append(out, "~")
			}
			out = append(out, line.Text)
			after = line.Place
		}
	}
}

// TestLinesOfMachines: the newest are kept, readers go on at a place, which is when a line was
// logged, and no two lines have the same one.
func TestLinesOfMachines(t *testing.T) {
	now := time.UnixMicro(1000)
	m := newMachineLines(func() time.Time { return now })
	l := m.machine(2)
	say := func(text string) { l.add(plugins.LogLine{Index: 7, Text: text}) }
	say("a")
	say("b")
	now = time.UnixMicro(2000)
	say("c")
	now = time.UnixMicro(500) // clocks are set
	say("d")
	if got := lineTexts(l, 0); got != "a b c d" {
		t.Errorf("all: %s", got)
	}
	for after, want := range map[uint64]string{999: "a b c d", 1000: "b c d", 1001: "c d", 1999: "c d", 2000: "d", 2001: ""} {
		if got := lineTexts(l, after); got != want {
			t.Errorf("behind %d: %q, want %q", after, got, want)
		}
	}
	_, more, err := l.after(2001)
	if more == nil || err != nil {
		t.Fatalf("%v, %v", more, err)
	}
	say("e")
	<-more
	say(strings.Repeat("x", 2*lineBytesMax))
	for range linesBytesMax / lineBytesMax {
		say(strings.Repeat("y", lineBytesMax-lineOverheadBytes))
	}
	if got := lineTexts(l, 2000); !strings.HasPrefix(got, "~ yyy") || l.bytes > linesBytesMax || l.bytes < linesBytesMax-lineBytesMax {
		t.Errorf("%d bytes are kept: %.20s", l.bytes, got)
	}
	if got := lineTexts(l, l.oldest()); !strings.HasPrefix(got, "yyy") {
		t.Errorf("from the oldest: %.20s", got)
	}
	if m.machine(2) != l {
		t.Error("an instance of the same machine has lines of its own")
	}
	m.end(2, ErrStopping)
	if _, _, err := l.after(l.last); !errors.Is(err, ErrStopping) {
		t.Errorf("the end: %v", err)
	}
}

// TestLinesShareTheNode: however many machines there are, all their lines are bounded.
func TestLinesShareTheNode(t *testing.T) {
	m := newMachineLines(func() time.Time { return time.UnixMicro(1) })
	const machines = 1000
	line := plugins.LogLine{Text: strings.Repeat("x", lineBytesMax)}
	for g := range raft.GroupID(machines) {
		for range linesBytesMax / lineBytesMax {
			m.machine(g).add(line)
		}
	}
	all := 0
	for _, l := range m.of {
		if l.bytes == 0 {
			t.Fatal("a machine has no lines")
		}
		all += l.bytes
	}
	if all > linesNodeBytesMax || all < linesNodeBytesMax/2 {
		t.Errorf("%d bytes are kept", all)
	}
	for g := range raft.GroupID(machines - 1) {
		m.end(g, ErrStopping)
	}
	if l := m.machine(machines - 1); l.bytesMax != linesBytesMax {
		t.Errorf("the last one may keep %d bytes", l.bytesMax)
	}
	var none *machineLines
	none.machine(1).add(line)
	none.end(1, nil)
}

// TestLinesOfManyGoroutines, as queries beside a machine are: none is lost.
func TestLinesOfManyGoroutines(t *testing.T) {
	l := newMachineLines(time.Now).machine(2)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 50 {
				l.add(plugins.LogLine{Text: fmt.Sprint(i, k)})
			}
		})
	}
	wg.Wait()
	if n := len(strings.Fields(lineTexts(l, 0))); n != 2*8*50 {
		t.Errorf("%d words", n)
	}
}
