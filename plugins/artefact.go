package plugins

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/wasm"
)

// Artefact is what the replicas of a machine run: a rewritten module that says in
// its first section from what and by which versions it was made. It is a value:
// whoever holds the bytes can load them, and nobody rewrites them again.
type Artefact struct {
	// Binary is the whole artefact, a WebAssembly module. Don't change it.
	Binary []byte
	// Digest is the SHA-256 of Binary, Source that of the module as uploaded.
	Digest, Source [32]byte
	// Pass and Host are the versions of the rewriting pass and of the host's
	// semantics it was made for.
	Pass, Host uint32
	// MemoryBytesMin is the linear memory with which an instance starts.
	MemoryBytesMin int64

	globals []instrument.Global
}

// ArtefactBytesMax bounds an artefact, in bytes.
const ArtefactBytesMax = 256 * mib

// ErrArtefact is what every refusal of an artefact's bytes is (errors.Is): they are
// damaged, or nothing that Prepare returned. Get them again from another node.
var ErrArtefact = errors.New("plugins: not an artefact")

// Prepare validates a module and rewrites it into an artefact. It is a function of
// the module alone: l only bounds what is taken. What it leaves to Load is the
// typing of operands. Errors: *RefusedError when the module is wrong.
func Prepare(source []byte, l Limits) (*Artefact, error) {
	shape, err := inspect(source, l.withDefaults())
	if err != nil {
		return nil, err
	}
	rewritten, err := instrument.Rewrite(source, shape)
	if err != nil {
		return nil, fmt.Errorf("plugins: prepare: %w", err)
	}
	a := &Artefact{Source: sha256.Sum256(source), Pass: PassVersion, Host: HostVersion}
	a.Binary = a.seal(rewritten.Binary)
	// Why at once: what cannot be loaded must show before it is replicated.
	if _, err := ReadArtefact(a.Binary); err != nil {
		return nil, unreadable(err)
	}
	a.Digest, a.globals = sha256.Sum256(a.Binary), rewritten.Globals
	a.MemoryBytesMin = int64(shape.MemoryPages) * pageBytes
	return a, nil
}

// unreadable makes a limit that only the rewritten code exceeds a refusal of the
// module.
func unreadable(err error) error {
	var r *wasm.Refusal
	if !errors.As(err, &r) {
		return fmt.Errorf("plugins: prepare: %w", err)
	}
	f := refused(r)
	f.What += " (after instrumentation)"
	return f
}

// ReadArtefact checks an artefact as far as that goes without an engine: its
// section, its versions, and that the rest has the shape of what the pass writes.
// The artefact keeps the slice. Errors: *VersionError, ErrArtefact.
func ReadArtefact(artefact []byte) (*Artefact, error) {
	a := &Artefact{Binary: artefact, Digest: sha256.Sum256(artefact)}
	if err := a.unseal(); err != nil {
		return nil, err
	}
	if err := checkServed(a.Pass, a.Host); err != nil {
		return nil, err
	}
	m, err := wasm.Read(artefact, wasm.Limits{ModuleBytesMax: ArtefactBytesMax, MemoryPagesMax: MemoryBytesCeiling/pageBytes + instrument.MapPages, Rewritten: true})
	if err != nil {
		return nil, notArtefact(err)
	}
	if err := a.inspect(m); err != nil {
		return nil, notArtefact(err)
	}
	return a, nil
}

func notArtefact(err error) error { return fmt.Errorf("%w: %w", ErrArtefact, err) }

// inspect checks what the host relies on.
func (a *Artefact) inspect(m *wasm.Module) error {
	r := checkImports(m)
	if r == nil {
		r = checkABI(m)
	}
	if r != nil {
		r.Function = wasm.NoFunction
		return r
	}
	for _, s := range m.Sections[1:] {
		if s.ID == wasm.SectionCustom {
			return errors.New("a second custom section")
		}
	}
	pages, err := instrument.GuestPages(m)
	if err != nil {
		return err
	}
	a.MemoryBytesMin = int64(pages) * pageBytes
	a.globals, err = instrument.Globals(m)
	return err
}

// Verify checks that the artefact was made of a module, by making it again when its
// pass is this release's; of an older pass only the digest of the source is known.
// Errors: ErrArtefact.
func (a *Artefact) Verify(source []byte) error {
	if got := sha256.Sum256(source); got != a.Source {
		return fmt.Errorf("%w: it was made of another module: sha256:%x, not sha256:%x", ErrArtefact, a.Source, got)
	}
	if a.Pass != PassVersion {
		return nil
	}
	again, err := Prepare(source, Limits{ModuleBytesMax: len(source), MemoryBytesMax: MemoryBytesCeiling})
	if err != nil {
		return notArtefact(err)
	}
	// The version of the host stands in the section and not in the code.
	if !bytes.Equal(again.Binary[sectionBytes:], a.Binary[sectionBytes:]) {
		return fmt.Errorf("%w: this node makes something else of the same module: sha256:%x, not sha256:%x", ErrArtefact, again.Digest, a.Digest)
	}
	return nil
}
