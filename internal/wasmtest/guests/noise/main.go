// Command noise is a machine for tests with as much state as they want: it keeps a number
// and noise that cannot be compressed, and an export has all of both. Commands and queries
// are a verb and an operand:
//
//	add N    adds to the number, and answers it
//	get ...  answers the number, whatever the operand
//	noise N  keeps N MiB more for ever, and answers how many it keeps
//	sum      answers the number and what follows from all the noise
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wraft/wraft/sdk/go"
)

// blockBytes is the size of a piece of noise.
const blockBytes = 1 << 20

// machine keeps a number and noise.
type machine struct {
	value  int64
	blocks [][]byte
}

// Apply runs a verb.
func (m *machine) Apply(_ *wraft.Context, command []byte) ([]byte, error) {
	verb, operand, _ := strings.Cut(string(command), " ")
	switch verb {
	case "get":
		return strconv.AppendInt(nil, m.value, 10), nil
	case "sum":
		return m.sum(), nil
	case "add", "noise":
		n, err := strconv.ParseInt(operand, 10, 64)
		if err != nil {
			return nil, err
		}
		if verb == "noise" {
			return m.noise(n), nil
		}
		m.value += n
		return strconv.AppendInt(nil, m.value, 10), nil
	}
	return nil, fmt.Errorf("unknown command %q", command)
}

// Query runs the same verbs; what they change does not last.
func (m *machine) Query(ctx *wraft.Context, query []byte) ([]byte, error) {
	return m.Apply(ctx, query)
}

// noise keeps n MiB more, the same after the same commands.
func (m *machine) noise(n int64) []byte {
	for range n {
		b := make([]byte, blockBytes)
		x := uint64(len(m.blocks))*0x9e3779b97f4a7c15 + 1
		for at := 0; at < len(b); at += 8 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			binary.LittleEndian.PutUint64(b[at:], x)
		}
		m.blocks = append(m.blocks, b)
	}
	return strconv.AppendInt(nil, int64(len(m.blocks)), 10)
}

func (m *machine) sum() []byte {
	h := uint64(14695981039346656037)
	for _, b := range m.blocks {
		for at := 0; at < len(b); at += 8 {
			h = (h ^ binary.LittleEndian.Uint64(b[at:])) * 1099511628211
		}
	}
	return fmt.Appendf(nil, "%d %x", m.value, h)
}

// Snapshot writes the number in a line and the noise behind it.
func (m *machine) Snapshot(w io.Writer) error {
	if _, err := fmt.Fprintln(w, m.value); err != nil {
		return err
	}
	for _, b := range m.blocks {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// Restore reads what Snapshot wrote in place of what it has.
func (m *machine) Restore(r io.Reader, _ uint32) error {
	in := bufio.NewReader(r)
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	if m.value, err = strconv.ParseInt(strings.TrimSuffix(line, "\n"), 10, 64); err != nil {
		return err
	}
	m.blocks = nil
	for {
		b := make([]byte, blockBytes)
		switch _, err := io.ReadFull(in, b); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		m.blocks = append(m.blocks, b)
	}
}

func init() { wraft.Register(&machine{}) }

// main is never called: the module is a library for the host.
func main() {}
