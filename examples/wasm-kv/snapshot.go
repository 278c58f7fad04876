package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// snapshotMagic starts an export and names its version.
var snapshotMagic = []byte("wraft-kv 1\n")

// Snapshot writes the pairs in the order of their keys, each as two
// length-prefixed strings (u32 little-endian), after their number (u64).
func (s *store) Snapshot(w io.Writer) error {
	b := binary.LittleEndian.AppendUint64(bytes.Clone(snapshotMagic), uint64(len(s.pairs)))
	for _, p := range s.inOrder() {
		b = appendString(b, p.key)
		b = appendString(b, p.value)
		if _, err := w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := w.Write(b)
	return err
}

func appendString[T string | []byte](b []byte, s T) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// Restore reads what Snapshot wrote and nothing else.
func (s *store) Restore(r io.Reader, _ uint32) error {
	head := make([]byte, len(snapshotMagic)+8)
	if _, err := io.ReadFull(r, head); err != nil || !bytes.HasPrefix(head, snapshotMagic) {
		return errors.New("not a snapshot of a key-value store")
	}
	count := binary.LittleEndian.Uint64(head[len(snapshotMagic):])
	pairs := map[string]*pair{}
	last := ""
	for n := range count {
		key, err := readString(r, keyBytesMax)
		if err != nil {
			return fmt.Errorf("key %d of %d: %w", n, count, err)
		}
		value, err := readString(r, valueBytesMax)
		if err != nil {
			return fmt.Errorf("value %d of %d: %w", n, count, err)
		}
		if n > 0 && string(key) <= last {
			return fmt.Errorf("key %d of %d is out of order", n, count)
		}
		last = string(key)
		pairs[last] = &pair{key: last, value: value}
	}
	if n, err := r.Read(head[:1]); n != 0 || err != io.EOF {
		return errors.New("bytes follow the last value")
	}
	s.pairs, s.sorted = pairs, nil
	return nil
}

func readString(r io.Reader, bytesMax uint32) ([]byte, error) {
	var size [4]byte
	if err := fill(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n > bytesMax {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", n, bytesMax)
	}
	b := make([]byte, n)
	return b, fill(r, b)
}

// fill reads len(b) bytes.
func fill(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the snapshot is cut off")
	}
	return err
}
