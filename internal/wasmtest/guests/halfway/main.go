// Command halfway is a machine whose migration was never finished: its restore
// takes the first byte of any state and panics. Tests upgrade to it.
package main

import (
	"io"

	"github.com/wraft/wraft/sdk/go"
)

// machine keeps what it has seen of the state.
type machine struct{ seen []byte }

// Apply answers with what was seen.
func (m *machine) Apply(*wraft.Context, []byte) ([]byte, error) { return m.seen, nil }

// Query answers with what was seen.
func (m *machine) Query(*wraft.Context, []byte) ([]byte, error) { return m.seen, nil }

// Snapshot writes what was seen.
func (m *machine) Snapshot(w io.Writer) error {
	_, err := w.Write(m.seen)
	return err
}

// Restore panics behind the first byte.
func (m *machine) Restore(r io.Reader, _ uint32) error {
	m.seen = make([]byte, 1)
	if _, err := io.ReadFull(r, m.seen); err != nil {
		return err
	}
	panic("the migration of the second byte is not written")
}

func init() { wraft.Register(&machine{}) }

// main is never called: the module is a library for the host.
func main() {}
