package plugins

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/wraft/wraft/plugins/wasm"
)

// The section of an artefact: a custom section behind the header, of fixed length.
// docs/FORMAT.md has the table.
const (
	sectionName    = "wraft.artefact"
	sectionVersion = 1

	sectionHeadBytes = 3 + len(sectionName) // ID, size, length of the name, name
	passAt           = wasm.HeaderBytes + sectionHeadBytes + 1
	hostAt           = passAt + 4
	sourceAt         = hostAt + 4
	checksumAt       = sourceAt + sha256.Size
	sectionBytes     = checksumAt + sha256.Size
)

// sectionHead is how every artefact begins.
func sectionHead(header []byte) []byte {
	const rest = sectionBytes - wasm.HeaderBytes - 2 // of the section behind its ID and size
	head := append(bytes.Clone(header), byte(wasm.SectionCustom), byte(rest), byte(len(sectionName)))
	return append(append(head, sectionName...), sectionVersion)
}

// seal puts the section in front of the sections of a rewritten binary.
func (a *Artefact) seal(rewritten []byte) []byte {
	out := append(make([]byte, 0, sectionBytes+len(rewritten)), sectionHead(rewritten[:wasm.HeaderBytes])...)
	out = binary.LittleEndian.AppendUint32(out, a.Pass)
	out = binary.LittleEndian.AppendUint32(out, a.Host)
	out = append(out, a.Source[:]...)
	out = append(out, make([]byte, sha256.Size)...)
	out = append(out, rewritten[wasm.HeaderBytes:]...)
	sum := checksumOf(out)
	copy(out[checksumAt:], sum[:])
	return out
}

// unseal reads the section and checks the checksum in it.
func (a *Artefact) unseal() error {
	b := a.Binary
	switch {
	case len(b) < sectionBytes:
		return fmt.Errorf("%w: %d bytes are too few", ErrArtefact, len(b))
	case len(b) > ArtefactBytesMax:
		return fmt.Errorf("%w: it has %d bytes, the limit ArtefactBytesMax is %d", ErrArtefact, len(b), int64(ArtefactBytesMax))
	case !bytes.Equal(b[:passAt], sectionHead(b[:wasm.HeaderBytes])):
		return fmt.Errorf("%w: it does not begin with the section %s of version %d", ErrArtefact, sectionName, sectionVersion)
	}
	if sum := checksumOf(b); !bytes.Equal(sum[:], b[checksumAt:sectionBytes]) {
		return fmt.Errorf("%w: its checksum is wrong, the bytes are damaged", ErrArtefact)
	}
	a.Pass = binary.LittleEndian.Uint32(b[passAt:])
	a.Host = binary.LittleEndian.Uint32(b[hostAt:])
	copy(a.Source[:], b[sourceAt:])
	return nil
}

// checksumOf is the SHA-256 of everything but the checksum itself.
func checksumOf(artefact []byte) (sum [32]byte) {
	h := sha256.New()
	h.Write(artefact[:checksumAt])
	h.Write(artefact[sectionBytes:])
	h.Sum(sum[:0])
	return sum
}
