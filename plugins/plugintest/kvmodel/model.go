package kvmodel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Statuses of the machine, besides 0.
const (
	StatusNotCommand int32 = 1
	StatusUnknown    int32 = 2
	StatusTooLarge   int32 = 3
)

// Limits of the machine.
const (
	KeyBytesMax   = 1 << 10
	ValueBytesMax = 1 << 20
	pageItemsMax  = 256
	pageBytesMax  = 256 << 10
)

// Request is a command before it is encoded; nil operands are null.
type Request struct {
	Operation            string
	Key, Value, Expected []byte
}

// Encode makes the bytes of the command.
func (r Request) Encode() []byte { return Command(r.Operation, r.Key, r.Value, r.Expected) }

// Store is the state of the model. The zero value is not usable: NewStore.
type Store struct {
	pairs map[string][]byte
	keys  []string // all of them in order
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{pairs: map[string][]byte{}} }

// Len is the number of pairs.
func (s *Store) Len() int { return len(s.pairs) }

// Apply executes a command and returns what the machine must answer.
func (s *Store) Apply(r Request) (status int32, answer []byte) {
	if status, answer = r.check(); status != 0 {
		return status, answer
	}
	switch r.Operation {
	case "put":
		s.put(string(r.Key), r.Value)
		return 0, []byte{simpleNull}
	case "append":
		return s.append(string(r.Key), r.Value)
	case "cas":
		return 0, appendBool(nil, s.compareAndSet(r))
	case "delete":
		return 0, appendBool(nil, s.remove(string(r.Key)))
	case "get", "scan":
		return s.Query(r)
	}
	return unknown(r.Operation, "put, append, cas, delete, get or scan")
}

// Query executes a query and returns what the machine must answer.
func (s *Store) Query(r Request) (status int32, answer []byte) {
	if status, answer = r.check(); status != 0 {
		return status, answer
	}
	switch r.Operation {
	case "get":
		if v, ok := s.pairs[string(r.Key)]; ok {
			return 0, appendBytes(nil, v)
		}
		return 0, []byte{simpleNull}
	case "scan":
		return 0, s.scan(r)
	}
	return unknown(r.Operation, "get or scan")
}

func unknown(operation, list string) (int32, []byte) {
	return StatusUnknown, fmt.Appendf(nil, "unknown operation %q; use %s", operation, list)
}

// check refuses what is over a limit.
func (r Request) check() (int32, []byte) {
	if n := len(r.Key); n > KeyBytesMax {
		return StatusTooLarge, fmt.Appendf(nil, "the key has %d bytes, at most %d are allowed", n, KeyBytesMax)
	}
	if n := max(len(r.Value), len(r.Expected)); n > ValueBytesMax {
		return StatusTooLarge, fmt.Appendf(nil, "the value has %d bytes, at most %d are allowed", n, ValueBytesMax)
	}
	return 0, nil
}

// NotCommand is the answer to bytes that are no command.
func NotCommand() (int32, []byte) {
	return StatusNotCommand, []byte("not a command [operation, key, value, expected]; README.md has the encoding")
}

// put never keeps nil: null means that there is no such key.
func (s *Store) put(key string, value []byte) {
	if _, ok := s.pairs[key]; !ok {
		at, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Insert(s.keys, at, key)
	}
	s.pairs[key] = append([]byte{}, value...)
}

func (s *Store) append(key string, value []byte) (int32, []byte) {
	old := s.pairs[key]
	if len(old)+len(value) > ValueBytesMax {
		return StatusTooLarge, []byte("the value would exceed its limit")
	}
	s.put(key, append(bytes.Clone(old), value...))
	return 0, appendHead(nil, majorUint, len(old)+len(value))
}

func (s *Store) compareAndSet(r Request) bool {
	old, exists := s.pairs[string(r.Key)]
	if exists != (r.Expected != nil) || exists && !bytes.Equal(old, r.Expected) {
		return false
	}
	if r.Value == nil {
		s.remove(string(r.Key))
	} else {
		s.put(string(r.Key), r.Value)
	}
	return true
}

func (s *Store) remove(key string) bool {
	_, ok := s.pairs[key]
	if ok {
		delete(s.pairs, key)
		at, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Delete(s.keys, at, at+1)
	}
	return ok
}

// scan lists keys that start with r.Key and come after r.Value, one page of them.
func (s *Store) scan(r Request) []byte {
	var pairs []byte
	n, size, more := 0, 0, false
	for _, k := range s.keys {
		if !strings.HasPrefix(k, string(r.Key)) || r.Value != nil && k <= string(r.Value) {
			continue
		}
		size += len(k) + len(s.pairs[k])
		if more = n == pageItemsMax || size > pageBytesMax && n > 0; more {
			break
		}
		n++
		pairs = appendHead(pairs, majorArray, 2)
		pairs = appendBytes(pairs, []byte(k))
		pairs = appendBytes(pairs, s.pairs[k])
	}
	answer := appendBool(appendHead(nil, majorArray, 2), more)
	return append(appendHead(answer, majorArray, n), pairs...)
}

// Export is what the machine's snapshot must write.
func (s *Store) Export() []byte {
	b := binary.LittleEndian.AppendUint64([]byte("wraft-kv 1\n"), uint64(len(s.pairs)))
	for _, k := range s.keys {
		for _, part := range []string{k, string(s.pairs[k])} {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(part)))
			b = append(b, part...)
		}
	}
	return b
}
