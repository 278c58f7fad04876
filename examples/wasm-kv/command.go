package main

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

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
// operation makes of them.
type command struct {
	_         struct{} `cbor:",toarray"`
	Operation string
	Key       []byte
	Value     []byte // nil for null
	Expected  []byte // nil for null
}

// decoding refuses what a command never holds, before memory is taken for it.
var decoding = mustMode(cbor.DecOptions{
	MaxArrayElements: 16,
	MaxMapPairs:      16,
	MaxNestedLevels:  4,
	IndefLength:      cbor.IndefLengthForbidden,
	TagsMd:           cbor.TagsForbidden,
}.DecMode())

func mustMode(m cbor.DecMode, err error) cbor.DecMode {
	if err != nil {
		panic(err) // the options above are constant
	}
	return m
}

// parse decodes and checks a command. Its slices may share memory with b.
func parse(b []byte) (c command, err error) {
	if err := decoding.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("not a command [operation, key, value, expected]: %w", err)
	}
	if len(c.Key) > keyBytesMax {
		return c, wraft.Fail(statusTooLarge, fmt.Sprintf("the key has %d bytes, at most %d are allowed", len(c.Key), keyBytesMax))
	}
	if n := max(len(c.Value), len(c.Expected)); n > valueBytesMax {
		return c, wraft.Fail(statusTooLarge, fmt.Sprintf("the value has %d bytes, at most %d are allowed", n, valueBytesMax))
	}
	return c, nil
}

func unknown(c command, list string) error {
	return wraft.Fail(statusUnknown, fmt.Sprintf("unknown operation %q; use %s", c.Operation, list))
}
