package main

import (
	"bytes"
	"slices"
	"strings"

	"github.com/fxamacker/cbor/v2"

	"github.com/wraft/wraft/sdk/go"
)

// store maps keys to values. Values are never changed in place.
type store struct {
	values map[string][]byte
	// sorted lists all keys in order; nil after a key came or went. Scans and
	// snapshots rebuild it.
	sorted []string
}

func newStore() *store { return &store{values: map[string][]byte{}} }

// Apply executes put, append, cas, delete, and the queries too.
func (s *store) Apply(_ *wraft.Context, b []byte) ([]byte, error) {
	c, err := parse(b)
	if err != nil {
		return nil, err
	}
	switch c.Operation {
	case "put":
		s.put(c.Key, c.Value)
		return cbor.Marshal(nil)
	case "append":
		return s.append(c)
	case "cas":
		return s.compareAndSet(c)
	case "delete":
		return cbor.Marshal(s.remove(c.Key))
	case "get", "scan":
		return s.read(c)
	}
	return nil, unknown(c, "put, append, cas, delete, get or scan")
}

// Query executes get and scan.
func (s *store) Query(_ *wraft.Context, b []byte) ([]byte, error) {
	c, err := parse(b)
	if err != nil {
		return nil, err
	}
	return s.read(c)
}

func (s *store) read(c command) ([]byte, error) {
	switch c.Operation {
	case "get":
		return cbor.Marshal(s.values[string(c.Key)])
	case "scan":
		return s.scan(c)
	}
	return nil, unknown(c, "get or scan")
}

// put stores a copy of the value. A null value is stored as an empty one, so
// that null always means "no such key".
func (s *store) put(key, value []byte) {
	if _, ok := s.values[string(key)]; !ok {
		s.sorted = nil
	}
	s.values[string(key)] = append(make([]byte, 0, len(value)), value...)
}

func (s *store) append(c command) ([]byte, error) {
	old := s.values[string(c.Key)]
	if len(old)+len(c.Value) > valueBytesMax {
		return nil, wraft.Fail(statusTooLarge, "the value would exceed its limit")
	}
	if old == nil {
		s.sorted = nil
	}
	value := append(slices.Grow(old, len(c.Value)), c.Value...)
	if value == nil {
		value = []byte{}
	}
	s.values[string(c.Key)] = value
	return cbor.Marshal(len(value))
}

// compareAndSet sets the value if the present one is the expected one; null
// stands for "no such key" on both sides.
func (s *store) compareAndSet(c command) ([]byte, error) {
	old, exists := s.values[string(c.Key)]
	if exists != (c.Expected != nil) || !bytes.Equal(old, c.Expected) {
		return cbor.Marshal(false)
	}
	if c.Value == nil {
		s.remove(c.Key)
	} else {
		s.put(c.Key, c.Value)
	}
	return cbor.Marshal(true)
}

func (s *store) remove(key []byte) bool {
	if _, ok := s.values[string(key)]; !ok {
		return false
	}
	delete(s.values, string(key))
	s.sorted = nil
	return true
}

func (s *store) keys() []string {
	if s.sorted == nil {
		s.sorted = make([]string, 0, len(s.values))
		for key := range s.values {
			s.sorted = append(s.sorted, key)
		}
		slices.Sort(s.sorted)
	}
	return s.sorted
}

// Bounds of one page of a scan.
const (
	scanItemsMax = 256
	scanBytesMax = 256 << 10
)

// page is [more, [[key, value], ...]].
type page struct {
	_     struct{} `cbor:",toarray"`
	More  bool
	Items []item
}

type item struct {
	_     struct{} `cbor:",toarray"`
	Key   []byte
	Value []byte
}

// scan lists keys with a prefix in order, those after the given one if the
// command has a value.
func (s *store) scan(c command) ([]byte, error) {
	keys := s.keys()
	prefix := string(c.Key)
	start, _ := slices.BinarySearch(keys, prefix)
	if c.Value != nil {
		after, found := slices.BinarySearch(keys, string(c.Value))
		if found {
			after++
		}
		start = max(start, after)
	}
	out := page{Items: []item{}}
	size := 0
	for _, key := range keys[start:] {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		value := s.values[key]
		size += len(key) + len(value)
		if len(out.Items) == scanItemsMax || size > scanBytesMax && len(out.Items) > 0 {
			out.More = true
			break
		}
		out.Items = append(out.Items, item{Key: []byte(key), Value: value})
	}
	return cbor.Marshal(out)
}
