// Command counter2 is version 2 of examples/wasm-counter, for tests of upgrades:
// it takes the state of version 1, remembers how often it was migrated, answers
// with its version, and writes a state that version 1 reads. The folders beside this
// file hold the same machine in other languages.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/wraft/wraft/sdk/go"
)

// version is the author's number; version 1 has none, which counts as 0.
const version = 2

// unlucky is a number that this version's restore refuses.
const unlucky = 13

// counter is the number.
type counter struct {
	value int64
	from  uint32 // the version that wrote the state it was restored from
}

// Apply understands "incr", "add N" and "get".
func (c *counter) Apply(_ *wraft.Context, command []byte) ([]byte, error) {
	verb, operand, _ := bytes.Cut(bytes.TrimSpace(command), []byte(" "))
	switch string(verb) {
	case "incr":
		c.value++
	case "add":
		n, err := strconv.ParseInt(string(operand), 10, 64)
		if err != nil {
			return nil, errors.New("add wants a whole number")
		}
		c.value += n
	case "get":
	default:
		return nil, errors.New("unknown command; use incr, add N or get")
	}
	return c.show(), nil
}

// Query answers as "get" does.
func (c *counter) Query(*wraft.Context, []byte) ([]byte, error) { return c.show(), nil }

func (c *counter) show() []byte {
	return fmt.Appendf(nil, `{"value":%d,"version":%d,"from":%d}`, c.value, version, c.from)
}

// Snapshot writes the number as version 1 does.
func (c *counter) Snapshot(w io.Writer) error {
	_, err := fmt.Fprintln(w, c.value)
	return err
}

// Restore reads a number of either version.
func (c *counter) Restore(r io.Reader, fromVersion uint32) error {
	if fromVersion != 0 && fromVersion != version {
		return wraft.Fail(3, fmt.Sprintf("version %d is not known here", fromVersion))
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	value, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return errors.New("not a snapshot of a counter")
	}
	if value == unlucky {
		return wraft.Fail(unlucky, "an unlucky number")
	}
	c.value, c.from = value, fromVersion
	return nil
}

// Version implements wraft.Versioned.
func (c *counter) Version() uint32 { return version }

func init() { wraft.Register(&counter{}) }

// main is never called: the module is a library for the host.
func main() {}
