package plugins

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/wraft/wraft/plugins/instrument"
)

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

// Instantiate starts a guest of a module without running anything of it, looks at all
// of its memory, and ends it.
func Instantiate(ctx context.Context, m *Module, l Limits) error {
	g, err := newGuest(ctx, m, l.withDefaults(), [32]byte{})
	if err != nil {
		return err
	}
	g.memory.markAll()
	return g.close(ctx)
}

// HostVersions are those served.
func HostVersions() []uint32 { return slices.Sorted(maps.Keys(hostServed)) }

// Spoil makes the instance's next rollback fail, as only a fault of this package
// could.
func (i *Instance) Spoil() { i.shadow.size = 1 << 40 }

// Audit checks what holds between calls: the live guest equals the shadow, nothing
// is marked, and both memories are zero beyond their size. A write that was not
// marked shows here, since no checkpoint or rollback copied it.
func (i *Instance) Audit() error {
	if i.broken != nil {
		return nil
	}
	live, s := i.live, i.shadow
	size := live.memory.size()
	all := live.memory.reserved[instrument.MapBytes:][:min(len(s.memory), size+auditBytesMax)]
	switch {
	case size != s.size || live.memory.used != int(live.memory.engine.Size()):
		return fmt.Errorf("the live memory has %d bytes, the engine's %d, the shadow %d", size, live.memory.engine.Size(), s.size)
	case !bytes.Equal(live.memory.reserved[:instrument.MapBytes], zeros[:instrument.MapBytes]):
		return errors.New("a block is marked")
	case !bytes.Equal(all, s.memory[:len(all)]):
		at := 0
		for all[at] == s.memory[at] {
			at++
		}
		return fmt.Errorf("live memory and shadow of %d bytes differ at %d", size, at)
	case !bytes.Equal(all[size:], zeros[:len(all)-size]):
		return fmt.Errorf("the memory beyond %d is not zero", size)
	case live.host.clock != s.clock || live.host.moment != s.moment:
		return fmt.Errorf("clock %d and %d, moment %v and %v", live.host.clock, s.clock, live.host.moment, s.moment)
	}
	for n, g := range live.globals {
		if g.Get() != s.globals[n] {
			return fmt.Errorf("global %d: %#x and %#x", n, g.Get(), s.globals[n])
		}
	}
	return nil
}

// auditBytesMax bounds how far beyond a memory's size Audit looks.
const auditBytesMax = 1 << 20

var zeros [max(auditBytesMax, instrument.MapBytes)]byte

// Memory is the machine's memory after its last checkpoint.
func (i *Instance) Memory() []byte { return i.shadow.memory[:i.shadow.size] }

// Same reports whether a released fork equals its machine wherever it is not
// noted as outdated.
func (f *Fork) Same() (bool, error) {
	s, memory := f.instance.shadow, f.guest.memory.all()
	for n, mark := range f.guest.memory.marks() {
		if mark != 0 {
			return false, fmt.Errorf("block %d is marked", n)
		}
	}
	for n, outdated := range f.outdated {
		if at := uint32(n); outdated == 0 && !bytes.Equal(s.block(at), blockOf(memory, at)) {
			return false, fmt.Errorf("block %d differs", n)
		}
	}
	return true, nil
}

// LetForks lets so many forks of an engine go out.
func (e *Engine) LetForks(n int) { e.forks.outMax = n }

// FlipLive changes a byte of the guest's memory as a fault of the hardware would.
func (i *Instance) FlipLive(at int) { i.live.memory.all()[at] ^= 4 }

// FlipShadow changes a byte of the copy.
func (i *Instance) FlipShadow(at int) { i.shadow.memory[at] ^= 4 }

// Waiting is how many blocks wait to be hashed.
func (i *Instance) Waiting() int { return len(i.memory.stale) }
