package main

import (
	"bytes"
	"slices"
	"strings"

	"github.com/wraft/wraft/sdk/go"
)

// store maps keys to values.
type store struct {
	pairs map[string]*pair
	// sorted lists all pairs in the order of keys; nil after a key came or
	// went. Scans and snapshots rebuild it.
	sorted []*pair
	// answer is the buffer of the last result, used again by the next one.
	answer []byte
}

// pair is one key and its value, which no one else holds.
type pair struct {
	key   string
	value []byte
}

func newStore() *store { return &store{pairs: map[string]*pair{}} }

// Apply executes put, append, cas, delete, and the queries too.
func (s *store) Apply(_ *wraft.Context, b []byte) ([]byte, error) {
	c, err := parse(b)
	if err != nil {
		return nil, err
	}
	s.answer = s.answer[:0]
	switch string(c.operation) {
	case "put":
		s.put(c.key, c.value)
		s.answer = append(s.answer, simpleNull)
	case "append":
		err = s.append(c)
	case "cas":
		s.answer = appendBool(s.answer, s.compareAndSet(c))
	case "delete":
		s.answer = appendBool(s.answer, s.remove(c.key))
	case "get":
		s.get(c)
	case "scan":
		s.scan(c)
	default:
		err = unknown(c, "put, append, cas, delete, get or scan")
	}
	return s.answer, err
}

// Query executes get and scan.
func (s *store) Query(_ *wraft.Context, b []byte) ([]byte, error) {
	c, err := parse(b)
	if err != nil {
		return nil, err
	}
	s.answer = s.answer[:0]
	switch string(c.operation) {
	case "get":
		s.get(c)
	case "scan":
		s.scan(c)
	default:
		err = unknown(c, "get or scan")
	}
	return s.answer, err
}

func (s *store) get(c command) {
	if p, ok := s.pairs[string(c.key)]; ok {
		s.answer = appendBytes(s.answer, p.value)
	} else {
		s.answer = append(s.answer, simpleNull)
	}
}

// put stores a copy of the value. A null value is stored as an empty one, so
// that null always means "no such key".
func (s *store) put(key, value []byte) {
	p := s.at(key)
	p.value = append(p.value[:0], value...)
}

// at returns the pair of a key, new if need be.
func (s *store) at(key []byte) *pair {
	p, ok := s.pairs[string(key)]
	if !ok {
		p = &pair{key: string(key)}
		s.pairs[p.key] = p
		s.sorted = nil
	}
	return p
}

func (s *store) append(c command) error {
	if p, ok := s.pairs[string(c.key)]; ok && len(p.value)+len(c.value) > valueBytesMax {
		return wraft.Fail(statusTooLarge, "the value would exceed its limit")
	}
	p := s.at(c.key)
	p.value = append(p.value, c.value...)
	s.answer = appendHead(s.answer, majorUint, uint64(len(p.value)))
	return nil
}

// compareAndSet sets the value if the present one is the expected one; null
// stands for "no such key" on both sides.
func (s *store) compareAndSet(c command) bool {
	p, exists := s.pairs[string(c.key)]
	if exists != (c.expected != nil) || exists && !bytes.Equal(p.value, c.expected) {
		return false
	}
	if c.value == nil {
		s.remove(c.key)
	} else {
		s.put(c.key, c.value)
	}
	return true
}

func (s *store) remove(key []byte) bool {
	if _, ok := s.pairs[string(key)]; !ok {
		return false
	}
	delete(s.pairs, string(key))
	s.sorted = nil
	return true
}

func (s *store) inOrder() []*pair {
	if s.sorted == nil {
		s.sorted = make([]*pair, 0, len(s.pairs))
		for _, p := range s.pairs {
			s.sorted = append(s.sorted, p)
		}
		slices.SortFunc(s.sorted, func(a, b *pair) int { return strings.Compare(a.key, b.key) })
	}
	return s.sorted
}

// Bounds of one page of a scan.
const (
	scanItemsMax = 256
	scanBytesMax = 256 << 10
)

// scan lists pairs with a prefix in order, those after the given key if the
// command has a value, as [more, [[key, value], ...]].
func (s *store) scan(c command) {
	page, more := s.page(c)
	s.answer = appendHead(s.answer, majorArray, 2)
	s.answer = appendBool(s.answer, more)
	s.answer = appendHead(s.answer, majorArray, uint64(len(page)))
	for _, p := range page {
		s.answer = appendHead(s.answer, majorArray, 2)
		s.answer = appendBytes(s.answer, p.key)
		s.answer = appendBytes(s.answer, p.value)
	}
}

// page picks the pairs of one answer; more says that others follow.
func (s *store) page(c command) (page []*pair, more bool) {
	all, prefix := s.inOrder(), string(c.key)
	start, _ := find(all, prefix)
	if c.value != nil {
		after, found := find(all, string(c.value))
		if found {
			after++
		}
		start = max(start, after)
	}
	size := 0
	for n, p := range all[start:] {
		if !strings.HasPrefix(p.key, prefix) {
			return all[start : start+n], false
		}
		size += len(p.key) + len(p.value)
		if n == scanItemsMax || size > scanBytesMax && n > 0 {
			return all[start : start+n], true
		}
	}
	return all[start:], false
}

func find(pairs []*pair, key string) (at int, found bool) {
	return slices.BinarySearchFunc(pairs, key, func(p *pair, key string) int { return strings.Compare(p.key, key) })
}
