package plugins

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
)

// Spoil puts a call into the journal that can't be replayed, as only a fault of
// this package could.
func (i *Instance) Spoil() {
	i.journal.add(Moment{Index: 1}, 0, []byte("12345678X"))
}

// Reseal mends the checksum of bytes that begin as an artefact does.
func Reseal(artefact []byte) []byte {
	if len(artefact) < sectionBytes {
		return artefact
	}
	out := bytes.Clone(artefact)
	sum := checksumOf(out)
	copy(out[checksumAt:], sum[:])
	return out
}

// SetVersions writes other versions into an artefact and seals it again.
func SetVersions(artefact []byte, pass, host uint32) []byte {
	out := bytes.Clone(artefact)
	binary.LittleEndian.PutUint32(out[passAt:], pass)
	binary.LittleEndian.PutUint32(out[hostAt:], host)
	return Reseal(out)
}

// SectionBytes is the length of an artefact's header and its section.
const SectionBytes = sectionBytes

// ServePass adds a version of the pass to those served, until undo is called.
func ServePass(version uint32) (undo func()) {
	before := passesServed[version]
	passesServed[version] = true
	return func() {
		if !before {
			delete(passesServed, version)
		}
	}
}

// HostVersions are those served.
func HostVersions() []uint32 { return slices.Sorted(maps.Keys(hostServed)) }
