// Command faulty is a machine with one fault, for tests of what should find it. It
// keeps a number and adds each command's length to it. Which fault it has stands
// in the binary, so that one build serves for all of them: see fault.
package main

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/wraft/wraft/sdk/go"
)

// fault names the machine's fault. Tests write another name over the blanks in the
// built module; the mark before it is how they find it. Why a variable that init
// changes: a constant would be folded into the code.
var fault = "wraft faulty guest:                    "

const mark = "wraft faulty guest:"

type machine struct {
	sum    uint64
	secret uint64 // decides about answers, and faults forget it
	last   uint64 // the index of the last entry
	inside uint64 // commands of that entry so far
	answer [8]byte
}

// Apply adds the length of the command.
func (m *machine) Apply(ctx *wraft.Context, command []byte) ([]byte, error) {
	if m.last != ctx.Index() {
		m.last, m.inside = ctx.Index(), 0
	}
	m.inside++
	m.sum += uint64(len(command))
	m.secret++
	switch {
	case fault == "loops" && strings.ContainsRune(string(command), '\xff'):
		for m.sum != 0 {
			m.sum |= 1
		}
	case fault == "counts in the entry":
		return m.show(m.inside), nil
	case fault == "exports less":
		return m.show(m.secret), nil
	case fault == "chance":
		var b [8]byte
		ctx.Random(b[:])
		return b[:], nil
	}
	return m.show(m.sum), nil
}

// Query shows the sum.
func (m *machine) Query(*wraft.Context, []byte) ([]byte, error) { return m.show(m.sum), nil }

func (m *machine) show(n uint64) []byte {
	binary.LittleEndian.PutUint64(m.answer[:], n)
	return m.answer[:]
}

// Snapshot writes the sum.
func (m *machine) Snapshot(w io.Writer) error {
	if fault == "refuses to export" && m.sum > 0 {
		return errors.New("not today")
	}
	_, err := w.Write(m.show(m.sum))
	return err
}

// Restore reads what Snapshot wrote.
func (m *machine) Restore(r io.Reader, version uint32) error {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil || fault == "refuses its export" || version != 0 {
		return errors.New("no state of this machine")
	}
	if fault != "restores on top" {
		m.sum = 0
	}
	m.sum += binary.LittleEndian.Uint64(b[:])
	if fault == "restores half" {
		m.sum &= 0xff
	}
	return nil
}

func init() {
	fault = strings.TrimSpace(strings.TrimPrefix(fault, mark))
	if fault == "does not start" {
		panic("I won't")
	}
	wraft.Register(&machine{})
}

// main is never called: the module is a library for the host.
func main() {}
