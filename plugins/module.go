package plugins

import (
	"context"

	"github.com/tetratelabs/wazero"

	"github.com/wraft/wraft/plugins/instrument"
)

// Module is a validated and compiled binary. It is immutable and safe for
// concurrent use; it lives as long as its Engine.
type Module struct {
	engine   *Engine
	digest   [32]byte
	bytes    int
	pages    uint32
	compiled wazero.CompiledModule
	globals  []instrument.Global
}

// Digest is the SHA-256 of the binary as it was uploaded: the module's name
// everywhere else.
func (m *Module) Digest() [32]byte { return m.digest }

// Size is the length of the uploaded binary in bytes.
func (m *Module) Size() int { return m.bytes }

// MemoryBytesMin is the linear memory with which an instance starts.
func (m *Module) MemoryBytesMin() int64 { return int64(m.pages) * pageBytes }

// close frees the compiled code. The Engine calls it.
func (m *Module) close(ctx context.Context) error { return m.compiled.Close(ctx) }
