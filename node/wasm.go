package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/storage"
)

// WASM opens machines as instances of WebAssembly modules. It is safe for
// concurrent use; the engine compiles one module at a time and each only once.
type WASM struct{ engine *plugins.Engine }

var (
	_ MachineOpener   = WASM{}
	_ MachineRestorer = WASM{}
)

// NewWASM returns an opener on an engine, which stays the caller's.
func NewWASM(engine *plugins.Engine) WASM { return WASM{engine: engine} }

// Check prepares a module and compiles what comes of it. A compiler that is stopped
// or dies is a verdict here, and only here: for Open it is trouble of this node.
func (w WASM) Check(ctx context.Context, module []byte) error {
	_, err := w.engine.Compile(ctx, module)
	return plugins.Verdict(err)
}

// Prepare validates and instruments a module.
func (w WASM) Prepare(_ context.Context, module []byte, l MachineLimits) (Prepared, error) {
	limits := l.plugin()
	limits.ModuleBytesMax = max(len(module), 1) // Why: its size was judged when it was uploaded
	a, err := plugins.Prepare(module, limits)
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{Artefact: a.Binary, Pass: a.Pass, Host: a.Host}, nil
}

// Verify reads an artefact and compares it with what this node makes of the module.
func (w WASM) Verify(_ context.Context, artefact, module []byte) error {
	a, err := plugins.ReadArtefact(artefact)
	if err != nil {
		return err
	}
	return a.Verify(module)
}

// Open compiles an artefact as it is, unless that was done before, and starts an
// instance.
func (w WASM) Open(ctx context.Context, artefact []byte, o OpenConfig) (Machine, error) {
	m, c, err := w.load(ctx, artefact, o)
	if err != nil {
		return nil, err
	}
	i, err := w.engine.NewInstance(ctx, m, c)
	if err != nil {
		return nil, fmt.Errorf("node: start instance of %q: %w", o.Name, err)
	}
	return i, nil
}

// Restore implements MachineRestorer.
func (w WASM) Restore(ctx context.Context, artefact []byte, o OpenConfig, images ...io.Reader) (Machine, error) {
	m, c, err := w.load(ctx, artefact, o)
	if err != nil {
		return nil, err
	}
	i, err := w.engine.Restore(ctx, m, c, images...)
	if err != nil {
		return nil, fmt.Errorf("node: restore instance of %q: %w", o.Name, err)
	}
	return i, nil
}

// load compiles an artefact for a machine with these limits.
func (w WASM) load(ctx context.Context, artefact []byte, o OpenConfig) (*plugins.Module, plugins.InstanceConfig, error) {
	c := plugins.InstanceConfig{Machine: o.Name, Seed: o.Seed, Limits: o.Limits.plugin(), Logger: o.Logger, Lines: o.Lines, Created: o.Created}
	m, err := w.engine.Load(ctx, artefact)
	if err != nil {
		return nil, c, err
	}
	return m, c, fits(m, c.Limits)
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

// List returns the digests of all binaries, ascending.
func (s StoredModules) List() ([]Digest, error) {
	stored, err := s.files.List()
	out := make([]Digest, len(stored))
	for i, d := range stored {
		out[i] = Digest(d)
	}
	return out, err
}

// Remove deletes a binary.
func (s StoredModules) Remove(d Digest) error { return s.files.Remove(storage.Digest(d)) }

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
