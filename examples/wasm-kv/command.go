package main

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/sdk/go"
)

// Statuses of this machine, besides wraft.StatusFailed for bytes that aren't a
// command.
const (
	statusUnknown  int32 = 2 // no such operation
	statusTooLarge int32 = 3 // a key or value over its limit
)

// Limits of keys and values in bytes.
const (
	keyBytesMax   = 1 << 10
	valueBytesMax = 1 << 20
)

// command is [operation, key, value, expected]; README.md says what each
// operation makes of them. All slices are views of the input.
type command struct {
	operation []byte
	key       []byte
	value     []byte // nil for null
	expected  []byte // nil for null
}

// commandItems is the length of the array that a command is.
const commandItems = 4

var errNotCommand = errors.New("not a command [operation, key, value, expected]; README.md has the encoding")

// parse decodes and checks a command.
func parse(b []byte) (c command, err error) {
	r := reader{rest: b}
	r.array(commandItems)
	c.operation = r.text()
	c.key = r.bytesOrNull()
	c.value = r.bytesOrNull()
	c.expected = r.bytesOrNull()
	if r.failed || len(r.rest) > 0 {
		return command{}, errNotCommand
	}
	if len(c.key) > keyBytesMax {
		return c, wraft.Fail(statusTooLarge, fmt.Sprintf("the key has %d bytes, at most %d are allowed", len(c.key), keyBytesMax))
	}
	if n := max(len(c.value), len(c.expected)); n > valueBytesMax {
		return c, wraft.Fail(statusTooLarge, fmt.Sprintf("the value has %d bytes, at most %d are allowed", n, valueBytesMax))
	}
	return c, nil
}

func unknown(c command, list string) error {
	return wraft.Fail(statusUnknown, fmt.Sprintf("unknown operation %s; use %s", wraft.Quote(c.operation), list))
}
