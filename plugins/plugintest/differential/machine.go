package differential

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/plugintest/bare"
	"github.com/wraft/wraft/plugins/plugintest/graft"
	"github.com/wraft/wraft/plugins/wasm"
)

// Machine plays entries on a machine as its toolchain made it and on what the pass
// makes of it, in one engine each and without a runtime around them, and says how
// they differ; nil if they don't. Behind every entry the answers must be equal, and
// all of the memory and the mutable globals. After the last one both export their
// state and restore it. c says how both run; Rewritten is not looked at.
func Machine(ctx context.Context, binary []byte, entries [][][]byte, c bare.Config) error {
	return fight(ctx, [2][]byte{binary, binary}, entries, c)
}

// fight is Machine for two binaries, the second of which is rewritten.
func fight(ctx context.Context, binaries [2][]byte, entries [][][]byte, c bare.Config) (err error) {
	var d duel
	for n := range d.sides {
		c.Rewritten = n == 1
		w := bare.NewWorld(ctx, c)
		defer func() { err = errors.Join(err, w.Close(ctx)) }()
		if err := d.enter(ctx, n, w, binaries[n]); err != nil {
			return err
		}
	}
	if d.sides[0].guest.Function(abi.ExportInitialize) != nil {
		if err := d.each(func(s *side) ([]byte, error) { return s.call(ctx, abi.ExportInitialize) }); err != nil {
			return fmt.Errorf("%s: %w", abi.ExportInitialize, err)
		}
	}
	for n, commands := range entries {
		if err := d.each(func(s *side) ([]byte, error) { return s.apply(ctx, commands) }); err != nil {
			return fmt.Errorf("entry %d of %d commands: %w", n+1, len(commands), err)
		}
	}
	return d.transfer(ctx)
}

// showGlobals exports the mutable globals of a module, and returns their names.
func showGlobals(module []byte) (shown []byte, names []string, err error) {
	m, err := wasm.Read(module, wasm.Limits{})
	if err != nil {
		return nil, nil, err
	}
	g, err := graft.Open(module)
	if err != nil {
		return nil, nil, err
	}
	for n, global := range m.Globals {
		if global.Mutable {
			name := fmt.Sprint("global ", n)
			g.Export(name, wasm.KindGlobal, uint32(n))
			names = append(names, name)
		}
	}
	return g.Bytes(), names, nil
}

// duel is a machine as it was written, and rewritten.
type duel struct {
	sides [2]side
	names []string // of globals
}

type side struct {
	guest *bare.Guest
	host  *bare.Imitation
}

// enter starts one side in its world.
func (d *duel) enter(ctx context.Context, n int, w *bare.World, binary []byte) (err error) {
	s := &d.sides[n]
	if binary, d.names, err = showGlobals(binary); err != nil {
		return err
	}
	if s.host, err = w.Imitate(ctx, binary); err != nil {
		return err
	}
	s.guest, err = w.Start(ctx, binary, "")
	return err
}

// each has both sides do something and compares what they answer and where they are
// afterwards.
func (d *duel) each(do func(*side) ([]byte, error)) error {
	var answers [2][]byte
	for n := range d.sides {
		var err error
		if answers[n], err = do(&d.sides[n]); err != nil {
			return fmt.Errorf("side %d: %w", n, err)
		}
	}
	a, b := &d.sides[0], &d.sides[1]
	if !bytes.Equal(answers[0], answers[1]) {
		return fmt.Errorf("answers %.60q and %.60q", answers[0], answers[1])
	}
	if !bytes.Equal(a.host.Told, b.host.Told) {
		return fmt.Errorf("%d and %d bytes were told, or others", len(a.host.Told), len(b.host.Told))
	}
	for _, name := range d.names {
		_, x, okX := a.guest.Global(name)
		_, y, okY := b.guest.Global(name)
		if !okX || !okY || x != y {
			return fmt.Errorf("%s: %#x and %#x", name, x, y)
		}
	}
	return sameMemory(a.guest.Memory(memory), b.guest.Memory(memory))
}

// transfer has both sides export their state, and restore what they exported.
func (d *duel) transfer(ctx context.Context) error {
	for n := range d.sides {
		d.sides[n].host.Told = nil
	}
	if err := d.each(func(s *side) ([]byte, error) { return s.call(ctx, abi.ExportSnapshot) }); err != nil {
		return fmt.Errorf("%s: %w", abi.ExportSnapshot, err)
	}
	for n := range d.sides {
		h := d.sides[n].host
		if h.State = bytes.Clone(h.Told); len(h.State) == 0 {
			return errors.New("nothing is exported")
		}
	}
	if err := d.each(func(s *side) ([]byte, error) { return s.call(ctx, abi.ExportRestore, 0) }); err != nil {
		return fmt.Errorf("%s: %w", abi.ExportRestore, err)
	}
	return nil
}

// call calls an export that answers nothing or a status, which has to be 0.
func (s *side) call(ctx context.Context, name string, args ...uint64) ([]byte, error) {
	o, err := s.guest.Invoke(ctx, name, args...)
	if err == nil && (o.Trap != "" || len(o.Results) > 0 && uint32(o.Results[0]) != 0) {
		err = fmt.Errorf("it ends in %v", o)
	}
	return nil, err
}

// apply applies an entry and returns the encoded results.
func (s *side) apply(ctx context.Context, commands [][]byte) ([]byte, error) {
	input := binary.LittleEndian.AppendUint32(nil, uint32(len(commands)))
	for _, c := range commands {
		input = append(binary.LittleEndian.AppendUint32(input, uint32(len(c))), c...)
	}
	place, err := s.guest.Invoke(ctx, abi.ExportAlloc, uint64(len(input)))
	if err != nil || place.Trap != "" {
		return nil, fmt.Errorf("%s: %v, %w", abi.ExportAlloc, place, err)
	}
	at := uint64(uint32(place.Results[0]))
	if all := s.guest.Memory(memory); at == 0 || at+uint64(len(input)) > uint64(len(all)) {
		return nil, fmt.Errorf("%s: %v, of %d bytes", abi.ExportAlloc, place, len(all))
	}
	copy(s.guest.Memory(memory)[at:], input)
	o, err := s.guest.Invoke(ctx, abi.ExportApply, at, uint64(len(input)))
	if err != nil || o.Trap != "" {
		return nil, fmt.Errorf("%s: %v, %w", abi.ExportApply, o, err)
	}
	from, n := o.Results[0]>>32, o.Results[0]&(1<<32-1)
	all := s.guest.Memory(memory)
	if n < uint64(abi.ResultHeaderBytes*len(commands)) || from+n > uint64(len(all)) {
		return nil, fmt.Errorf("%s: an answer of %d bytes at %#x", abi.ExportApply, n, from)
	}
	return bytes.Clone(all[from : from+n]), nil
}
