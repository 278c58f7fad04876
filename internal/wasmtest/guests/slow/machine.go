package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wraft/wraft/sdk/go"
)

// machine keeps a number, ballast and a map whose order nobody promises.
type machine struct {
	value   int64
	ballast [][]byte
	table   map[int]int
}

func newMachine() *machine {
	m := &machine{table: map[int]int{}}
	for i := range 64 {
		m.table[i] = i
	}
	return m
}

// Apply runs "verb operand"; the operand is a number unless the verb takes text.
func (m *machine) Apply(ctx *wraft.Context, command []byte) ([]byte, error) {
	verb, operand, _ := strings.Cut(string(command), " ")
	run, ok := verbs[verb]
	if !ok {
		return nil, fmt.Errorf("unknown command %q", command)
	}
	return run(m, ctx, operand)
}

// Query runs the same verbs; what they change must not last.
func (m *machine) Query(ctx *wraft.Context, query []byte) ([]byte, error) {
	return m.Apply(ctx, query)
}

// Snapshot writes the number. A value of 13 makes it fail, one of 14 makes it
// panic, one of 15 makes it write without end.
func (m *machine) Snapshot(w io.Writer) error {
	switch m.value {
	case 13:
		return wraft.Fail(13, "unlucky")
	case 14:
		panic("snapshot of 14")
	case 15:
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprint(w, m.value)
	return err
}

// Restore reads a number. It takes it before it looks at it: 13 fails and 14
// panics afterwards, so that a test can see the change undone.
func (m *machine) Restore(r io.Reader, fromVersion uint32) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.value, err = strconv.ParseInt(string(b), 10, 64)
	switch {
	case err != nil:
		return err
	case m.value == 13:
		return wraft.Fail(13, "unlucky")
	case m.value == 14:
		panic("restore of 14")
	}
	m.value += int64(fromVersion)
	return nil
}

// Version makes Restore add 100 to a number that this module exported.
func (m *machine) Version() uint32 { return 100 }
