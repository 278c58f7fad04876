package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/storage"
)

// WASM opens machines as instances of WebAssembly modules. It is safe for
// concurrent use; the engine compiles one module at a time and each only once.
type WASM struct{ engine *plugins.Engine }

var _ MachineOpener = WASM{}

// NewWASM returns an opener on an engine, which stays the caller's.
func NewWASM(engine *plugins.Engine) WASM { return WASM{engine: engine} }

// Check validates and compiles a module.
func (w WASM) Check(ctx context.Context, binary []byte) error {
	_, err := w.engine.Compile(ctx, binary)
	return err
}

// Open compiles a module, unless it was before, and starts an instance.
func (w WASM) Open(ctx context.Context, binary []byte, o OpenConfig) (Machine, error) {
	m, err := w.engine.Compile(ctx, binary)
	if err != nil {
		return nil, err
	}
	limits := instanceLimits(o.Limits)
	if err := fits(m, limits); err != nil {
		return nil, err
	}
	i, err := w.engine.NewInstance(ctx, m, plugins.InstanceConfig{
		Machine: o.Name, Seed: o.Seed, Limits: limits, Logger: o.Logger, Created: o.Created,
	})
	if err != nil {
		return nil, fmt.Errorf("node: start instance of %q: %w", o.Name, err)
	}
	return i, nil
}

// fits refuses a module for a machine whose limits it cannot live with.
func fits(m *plugins.Module, l plugins.Limits) error {
	refused := &plugins.RefusedError{Rule: "limits", Function: -1}
	if err := l.Validate(); err != nil {
		refused.What, refused.Why = "the machine's limits cannot be", err.Error()
		return refused
	}
	if l.MemoryBytesMax != 0 && m.MemoryBytesMin() > l.MemoryBytesMax {
		refused.What = fmt.Sprintf("the module starts with %d bytes of memory", m.MemoryBytesMin())
		refused.Why = fmt.Sprintf("the machine may have %d", l.MemoryBytesMax)
		refused.Hint = "give the machine more memory (--memory)"
		return refused
	}
	return nil
}

// instanceLimits follows from a machine's record alone: all replicas must agree.
func instanceLimits(l MachineLimits) plugins.Limits {
	const entryFactor = 2 // a batch holds the largest command and its framing
	return plugins.Limits{
		MemoryBytesMax: int64(l.MemoryBytes), CommandBytesMax: int(l.CommandBytes),
		EntryBytesMax: int(max(l.CommandBytes, BatchBytesMax*entryFactor) * entryFactor),
	}
}

// StoredModules is a ModuleStore on the files of a storage.Store.
type StoredModules struct{ files *storage.Modules }

var _ ModuleStore = StoredModules{}

// NewStoredModules wraps a store's module files.
func NewStoredModules(files *storage.Modules) StoredModules { return StoredModules{files: files} }

// Put stores a binary durably.
func (s StoredModules) Put(d Digest, binary []byte) error {
	return s.files.Put(storage.Digest(d), bytes.NewReader(binary), int64(len(binary)))
}

// Get reads a binary and checks it against its digest.
func (s StoredModules) Get(d Digest) ([]byte, error) {
	binary, err := s.files.Read(storage.Digest(d))
	if errors.Is(err, storage.ErrModuleMissing) {
		return nil, fmt.Errorf("%w: %v", ErrNoModule, d)
	}
	return binary, err
}

// Has reports whether a binary is here.
func (s StoredModules) Has(d Digest) bool { return s.files.Has(storage.Digest(d)) }

// Size is the size of a binary, which is not read.
func (s StoredModules) Size(d Digest) (int64, error) {
	r, size, err := s.files.Open(storage.Digest(d))
	if errors.Is(err, storage.ErrModuleMissing) {
		return 0, fmt.Errorf("%w: %v", ErrNoModule, d)
	}
	if err != nil {
		return 0, err
	}
	return size, r.Close()
}
