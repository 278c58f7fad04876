package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/wraft/wraft/sdk/go"
)

// Statuses of this machine, besides wraft.StatusFailed for a command that it
// doesn't understand.
const statusOverflow int32 = 2

// counter is a signed 64-bit number.
type counter struct{ value int64 }

// Apply understands "incr", "add N" and "get".
func (c *counter) Apply(_ *wraft.Context, command []byte) ([]byte, error) {
	verb, operand, _ := strings.Cut(strings.TrimSpace(string(command)), " ")
	switch {
	case verb == "get" && operand == "":
		return c.show(), nil
	case verb == "incr" && operand == "":
		return c.add(1)
	case verb == "add":
		n, err := strconv.ParseInt(strings.TrimSpace(operand), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("add wants a whole number, got %q", operand)
		}
		return c.add(n)
	}
	return nil, fmt.Errorf("unknown command %q; use incr, add N or get", command)
}

// Query understands "get"; an empty query means the same.
func (c *counter) Query(_ *wraft.Context, query []byte) ([]byte, error) {
	if q := strings.TrimSpace(string(query)); q != "" && q != "get" {
		return nil, fmt.Errorf("unknown query %q; use get", query)
	}
	return c.show(), nil
}

func (c *counter) add(n int64) ([]byte, error) {
	if n > 0 && c.value > math.MaxInt64-n || n < 0 && c.value < math.MinInt64-n {
		return nil, wraft.Fail(statusOverflow, fmt.Sprintf("%d + %d does not fit 64 bits", c.value, n))
	}
	c.value += n
	return c.show(), nil
}

func (c *counter) show() []byte {
	b := strconv.AppendInt([]byte(`{"value":`), c.value, 10)
	return append(b, '}')
}

// Snapshot writes the number in decimal, so that an export can be read by eye.
func (c *counter) Snapshot(w io.Writer) error {
	_, err := fmt.Fprintln(w, c.value)
	return err
}

// snapshotBytesMax is more than any number takes.
const snapshotBytesMax = 32

// Restore reads what Snapshot wrote.
func (c *counter) Restore(r io.Reader, _ uint32) error {
	b, err := io.ReadAll(io.LimitReader(r, snapshotBytesMax))
	if err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	value, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return fmt.Errorf("not a snapshot of a counter: %q", b)
	}
	c.value = value
	return nil
}
