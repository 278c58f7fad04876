package node

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/raft"
)

const (
	// lineBytesMax is how much of a line that a machine logs is kept; the rest is cut off.
	lineBytesMax = 8 << 10
	// lineOverheadBytes is what a kept line counts besides its text.
	lineOverheadBytes = 64
	// linesBytesMax bounds the lines that are kept of one machine, and linesNodeBytesMax
	// those of all machines of a node, which share it alike.
	linesBytesMax     = 256 << 10
	linesNodeBytesMax = 32 << 20
	// lineReadBytesMax is about how much a reader is given at a time.
	lineReadBytesMax = 64 << 10
)

// LogLine is a line that a machine logged on this node.
type LogLine struct {
	plugins.LogLine
	// Place orders the lines of a machine on a node, also from one start of it to the next:
	// when it was logged, in microseconds of Unix time, or one more than the one before.
	Place uint64
	// Missed says that lines just before this one, which were asked for, are not kept.
	Missed bool
}

// machineLines are the newest lines that the machines of this node logged.
type machineLines struct {
	wall func() time.Time

	mu sync.Mutex // guards of
	of map[raft.GroupID]*logLines
}

func newMachineLines(wall func() time.Time) *machineLines {
	return &machineLines{wall: wall, of: map[raft.GroupID]*logLines{}}
}

// machine are the lines of one, which then has its share of the room. Why nil is allowed, here
// and below: a loop in a test has no node around it.
func (m *machineLines) machine(g raft.GroupID) *logLines {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.of[g]
	if l == nil {
		l = &logLines{wall: m.wall, changed: newBroadcast()}
		m.of[g] = l
		m.share()
	}
	return l
}

// end forgets the lines of a machine that is gone from this node, and tells readers why.
func (m *machineLines) end(g raft.GroupID, cause error) {
	if m == nil {
		return
	}
	m.mu.Lock()
	l := m.of[g]
	delete(m.of, g)
	m.share()
	m.mu.Unlock()
	if l != nil {
		l.end(cause)
	}
}

// share divides the room; mu is held.
func (m *machineLines) share() {
	for _, l := range m.of {
		l.bound(min(linesBytesMax, linesNodeBytesMax/len(m.of)))
	}
}

// logLines are the newest lines that one machine logged here, whichever instance of it did.
type logLines struct {
	wall    func() time.Time
	changed *broadcast // there are more, or the end has come

	mu       sync.Mutex // guards the fields below
	bytesMax int
	bytes    int
	kept     []LogLine // ascending by place
	last     uint64    // place of the newest line
	dropped  uint64    // place of the newest line that is not kept
	ended    error     // nil: the machine is here
}

// add keeps one more line. Any goroutine may call it.
func (l *logLines) add(line plugins.LogLine) {
	if l == nil {
		return
	}
	if len(line.Text) > lineBytesMax {
		line.Text = strings.Clone(line.Text[:lineBytesMax]) // Why: a part of it keeps the whole
	}
	l.mu.Lock()
	l.last = max(l.last+1, uint64(l.wall().UnixMicro()))
	l.kept = append(l.kept, LogLine{LogLine: line, Place: l.last})
	l.bytes += lineOverheadBytes + len(line.Text)
	l.trim()
	l.mu.Unlock()
	l.changed.notify()
}

// bound sets how much is kept.
func (l *logLines) bound(bytesMax int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytesMax = bytesMax
	l.trim()
}

// trim drops the oldest lines that are too many; mu is held.
func (l *logLines) trim() {
	n := 0
	for ; l.bytes > l.bytesMax; n++ {
		l.bytes -= lineOverheadBytes + len(l.kept[n].Text)
		l.dropped = l.kept[n].Place
	}
	clear(l.kept[:n])
	l.kept = l.kept[n:]
}

func (l *logLines) end(cause error) {
	l.mu.Lock()
	l.ended = cause
	l.mu.Unlock()
	l.changed.notify()
}

// after returns the next lines behind a place, which are the caller's, or none and a channel
// that is closed when to look again. The error is the end's.
func (l *logLines) after(place uint64) ([]LogLine, <-chan struct{}, error) {
	more := l.changed.next()
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := slices.BinarySearchFunc(l.kept, place+1, func(line LogLine, from uint64) int {
		if line.Place < from {
			return -1
		}
		return 1
	})
	n, bytes := at, 0
	for ; n < len(l.kept) && bytes <= lineReadBytesMax; n++ {
		bytes += lineOverheadBytes + len(l.kept[n].Text)
	}
	if n == at {
		return nil, more, l.ended
	}
	lines := slices.Clone(l.kept[at:n])
	lines[0].Missed = at == 0 && place < l.dropped
	return lines, nil, nil
}

// oldest is the place behind which all lines are kept.
func (l *logLines) oldest() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}
