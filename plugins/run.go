package plugins

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// RunID names what the replicas of a machine run: a hash of the artefact, of all
// limits and of the version of the host's semantics. Replicas with equal run IDs
// that apply the same entries end in the same state; a state of one run says nothing
// under another.
type RunID [32]byte

// String is sha256: and 64 hex digits.
func (r RunID) String() string { return fmt.Sprintf("sha256:%x", r[:]) }

// RunIDOf names a run of the artefact with this digest; zero limits mean their
// defaults. docs/FORMAT.md spells the hash out.
func RunIDOf(artefact [32]byte, host uint32, l Limits) (id RunID) {
	const label = "wraft run v1\n"
	b := append([]byte(label), artefact[:]...)
	b = binary.LittleEndian.AppendUint32(b, host)
	l = l.withDefaults()
	// Not among them: ModuleBytesMax, which bounds uploads and no instance.
	for _, v := range []int64{
		l.MemoryBytesMax, int64(l.CommandBytesMax), int64(l.EntryBytesMax), int64(l.ResultBytesMax), l.ExportBytesMax,
		int64(l.LogBytesMax), int64(l.EventBytesMax), l.FuelCommandMax, l.FuelEntryMax, l.FuelBase, l.FuelPerByte, l.StackBytesMax,
	} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return sha256.Sum256(b)
}
