package plugins

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/tetratelabs/wazero"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/instrument"
)

// Module is a validated and compiled binary. It is immutable and safe for
// concurrent use; it lives as long as its Engine.
type Module struct {
	engine   *Engine
	digest   [32]byte
	artefact [32]byte
	bytes    int
	pages    uint32
	compiled wazero.CompiledModule
	globals  []instrument.Global
}

// Digest is the SHA-256 of the binary as it was uploaded: the module's name
// everywhere else.
func (m *Module) Digest() [32]byte { return m.digest }

// Artefact names what runs: the SHA-256 of a label, the versions of the pass
// and of the host's semantics, and the instrumented binary. Replicas whose
// artefacts differ do not run the same machine, though the upload was one.
func (m *Module) Artefact() [32]byte { return m.artefact }

func artefactOf(instrumented []byte) (sum [32]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "wraft artefact v1\n%d %d\n", instrument.Version, abi.HostVersion) // a hash never fails
	h.Write(instrumented)
	h.Sum(sum[:0])
	return sum
}

// Size is the length of the uploaded binary in bytes.
func (m *Module) Size() int { return m.bytes }

// MemoryBytesMin is the linear memory with which an instance starts.
func (m *Module) MemoryBytesMin() int64 { return int64(m.pages) * pageBytes }

// close frees the compiled code. The Engine calls it.
func (m *Module) close(ctx context.Context) error { return m.compiled.Close(ctx) }
