package plugins

import (
	"bytes"

	"github.com/wraft/wraft/plugins/abi"
)

// output gathers what a guest logs during one call, within a budget of bytes.
// It is kept aside until the call's effects stand: a batch that is rolled back
// and applied again must not log twice.
type output struct {
	lines     []line
	partial   [2][]byte // unfinished lines of stdout and stderr
	complaint []byte    // the first bytes on stderr, to explain a trap
	left      int       // bytes
	dropped   int       // bytes
}

type line struct {
	level int32
	text  string
}

// complaintBytesMax bounds how much of a guest's last words goes into the text
// of its trap.
const complaintBytesMax = 256

func (o *output) reset(bytesMax int) {
	o.lines = o.lines[:0]
	o.partial[0], o.partial[1], o.complaint = o.partial[0][:0], o.partial[1][:0], o.complaint[:0]
	o.left, o.dropped = bytesMax, 0
}

// take returns the part of b that fits the budget.
func (o *output) take(b []byte) []byte {
	n := min(len(b), o.left)
	o.left -= n
	o.dropped += len(b) - n
	return b[:n]
}

// add appends one line of the import log.
func (o *output) add(level int32, text []byte) {
	if text = o.take(text); len(text) > 0 {
		o.lines = append(o.lines, line{level, string(text)})
	}
}

// write takes bytes of stdout or stderr and cuts them into lines, since
// runtimes print in pieces.
func (o *output) write(fd uint32, b []byte) {
	which, level := 0, abi.LogInfo
	if fd == abi.FdStderr {
		which, level = 1, abi.LogWarn
		o.complaint = append(o.complaint, b[:min(len(b), complaintBytesMax-len(o.complaint))]...)
	}
	b = o.take(b)
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			o.partial[which] = append(o.partial[which], b...)
			return
		}
		text := append(o.partial[which], b[:end]...)
		if len(text) > 0 {
			o.lines = append(o.lines, line{level, string(text)})
		}
		o.partial[which], b = o.partial[which][:0], b[end+1:]
	}
}

// finish returns all lines, unfinished ones included.
func (o *output) finish() []line {
	for which, level := range []int32{abi.LogInfo, abi.LogWarn} {
		if text := o.partial[which]; len(text) > 0 {
			o.lines = append(o.lines, line{level, string(text)})
			o.partial[which] = text[:0]
		}
	}
	return o.lines
}

// firstComplaint returns the first line on stderr, the only one of a panic
// that isn't a stack trace.
func (o *output) firstComplaint() string {
	text, _, _ := bytes.Cut(bytes.TrimSpace(o.complaint), []byte("\n"))
	return string(bytes.ToValidUTF8(text, []byte("?")))
}
