package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
)

// A manifest of Pebble is a file of records, each one edit of the list of tables. The first
// is the list as it was, the second says among other things which sequence numbers are in
// use; Pebble syncs each before it goes by it.
//
// Why we read it before Pebble does: Pebble takes whatever it cannot read for the torn end of
// a write. Without the second record it gives sequence numbers out again, and what is written
// then hides behind what was there before; without a later one it goes back to an older list.
const (
	manifestRecordsMin = 2
	manifestBytesMax   = 1 << 30 // eight times where Pebble begins a new one

	// The layout of a chunk, the piece of a record within a block.
	chunkBlock      = 32 << 10
	chunkHeader     = 4 + 2 + 1 // CRC, length, kind
	chunkKindAt     = 6
	chunkFull       = 1 // a whole record
	chunkFirst      = 2 // the begin of one
	chunkCRCDelta   = 0xa282ead8
	chunkCRCRotated = 15
)

// checkManifest returns a DamagedError when Pebble would take rot in its manifest for the
// end of it.
func checkManifest(d directory, desc *pebble.DBDesc) error {
	content, err := readFile(d.fs, desc.ManifestFilename, manifestBytesMax)
	if err != nil {
		return openError(err)
	}
	if err := judgeManifest(content); err != nil {
		return &DamagedError{Why: fmt.Sprintf("Pebble's manifest, %s", d.fs.PathBase(desc.ManifestFilename)), Err: err}
	}
	return nil
}

// judgeManifest returns an error for what no crash leaves of a manifest: one without its
// first two records, or a record that cannot be read before one that can.
func judgeManifest(content []byte) error {
	records, end, err := readRecords(content)
	switch {
	case err != nil && recordFrom(content, end) >= 0:
		return fmt.Errorf("record %d at byte %d: %w", records+1, end, err)
	case records < manifestRecordsMin:
		return fmt.Errorf("it ends at byte %d behind record %d, which leaves the sequence numbers in use unknown", end, records)
	}
	return nil
}

// readRecords counts the records of a manifest up to its end or one that cannot be read, and
// says where that is.
func readRecords(content []byte) (records int, end int64, err error) {
	rr := record.NewReader(bytes.NewReader(content), 0)
	for {
		r, err := rr.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if errors.Is(err, io.EOF) {
			return records, end, nil
		}
		if err != nil {
			return records, end, err
		}
		records, end = records+1, rr.Offset()
	}
}

// recordFrom returns where behind byte from a record begins, -1 when none does.
//
// How: the chunk that cannot be read may have lost its length, so each byte behind it could
// be where the next one begins. One in 2^32 that are none has the right sum.
func recordFrom(content []byte, from int64) int64 {
	for at := from + 1; at+chunkHeader <= int64(len(content)); at++ {
		if beginsRecord(content[at:], chunkBlock-at%chunkBlock) {
			return at
		}
	}
	return -1
}

// beginsRecord reports whether b begins with a sound chunk that begins a record, in a block
// that ends after room bytes.
func beginsRecord(b []byte, room int64) bool {
	room = min(room, int64(len(b)))
	if room < chunkHeader || b[chunkKindAt] != chunkFull && b[chunkKindAt] != chunkFirst {
		return false
	}
	length := int64(binary.LittleEndian.Uint16(b[4:]))
	if length == 0 || chunkHeader+length > room {
		return false
	}
	sum := crc32.Checksum(b[chunkKindAt:chunkHeader+length], castagnoli)
	return binary.LittleEndian.Uint32(b) == (sum>>chunkCRCRotated|sum<<(32-chunkCRCRotated))+chunkCRCDelta
}
