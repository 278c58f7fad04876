package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/wraft/wraft/sdk/go"
)

// Statuses of this machine, besides wraft.StatusFailed for a command that it
// doesn't understand.
const statusOverflow int32 = 2

// counter is a signed 64-bit number.
type counter struct {
	value int64
	// answer is the buffer of the last result, used again by the next one.
	answer []byte
}

// Apply understands "incr", "add N" and "get".
func (c *counter) Apply(_ *wraft.Context, command []byte) ([]byte, error) {
	verb, operand, _ := bytes.Cut(trim(command), []byte(" "))
	switch {
	case string(verb) == "get" && len(operand) == 0:
		return c.show(), nil
	case string(verb) == "incr" && len(operand) == 0:
		return c.add(1)
	case string(verb) == "add":
		n, err := strconv.ParseInt(string(trim(operand)), 10, 64)
		if err != nil {
			return nil, errors.New("add wants a whole number, got " + wraft.Quote(operand))
		}
		return c.add(n)
	}
	return nil, errors.New("unknown command " + wraft.Quote(command) + "; use incr, add N or get")
}

// Query understands "get"; an empty query means the same.
func (c *counter) Query(_ *wraft.Context, query []byte) ([]byte, error) {
	if q := trim(query); len(q) > 0 && string(q) != "get" {
		return nil, errors.New("unknown query " + wraft.Quote(query) + "; use get")
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

// trim cuts white space of ASCII off. What Unicode calls white space depends on
// its version, and machines in other languages have to agree with this one.
func trim(b []byte) []byte { return bytes.Trim(b, " \t\n\v\f\r") }

func (c *counter) show() []byte {
	c.answer = append(c.answer[:0], `{"value":`...)
	c.answer = strconv.AppendInt(c.answer, c.value, 10)
	c.answer = append(c.answer, '}')
	return c.answer
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
	value, err := strconv.ParseInt(string(trim(b)), 10, 64)
	if err != nil {
		return errors.New("not a snapshot of a counter: " + wraft.Quote(b))
	}
	c.value = value
	return nil
}
