package plugins

import (
	"context"

	"github.com/tetratelabs/wazero"

	"github.com/wraft/wraft/plugins/instrument"
)

// Module is a compiled artefact. It is immutable and safe for concurrent use; it
// lives as long as its Engine.
type Module struct {
	engine    *Engine
	artefact  *Artefact
	semantics hostSemantics
	compiled  wazero.CompiledModule
	globals   []instrument.Global
}

// Artefact is what was compiled.
func (m *Module) Artefact() *Artefact { return m.artefact }

// Digest is the SHA-256 of the module as it was uploaded: its name everywhere else.
func (m *Module) Digest() [32]byte { return m.artefact.Source }

// MemoryBytesMin is the linear memory with which an instance starts.
func (m *Module) MemoryBytesMin() int64 { return m.artefact.MemoryBytesMin }

// runID names what an instance under these limits runs.
func (m *Module) runID(l Limits) RunID { return RunIDOf(m.artefact.Digest, m.artefact.Host, l) }

// close frees the compiled code. The Engine calls it.
func (m *Module) close(ctx context.Context) error { return m.compiled.Close(ctx) }
