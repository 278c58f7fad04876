package measure

import (
	"context"
	"fmt"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// Undo is what an entry costs that fails, on a store with 1,000 keys.
type Undo struct {
	Language string
	// Honest is an entry of one command that succeeds, Trap one whose command traps
	// after the machine has handled it, Batch one of 64 commands of which one traps:
	// that is tried, undone, and applied one by one. Scribble overwrites all memory
	// before it traps.
	Honest, Trap, Batch, Scribble Figure
	// MemoryMiB is the size of the machine's memory.
	MemoryMiB float64
}

// Undos measures what failing costs in each language.
func Undos(ctx context.Context, o Options, built []guests.Guest) ([]Undo, error) {
	var out []Undo
	for _, g := range built {
		u, err := undo(ctx, o, g)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.Language, err)
		}
		out = append(out, u)
	}
	return out, nil
}

func undo(ctx context.Context, o Options, g guests.Guest) (Undo, error) {
	binary, err := guests.Guilty(g.Binary)
	if err != nil {
		return Undo{}, err
	}
	i, done, err := instance(ctx, binary)
	if err != nil {
		return Undo{}, err
	}
	defer done()
	full := entries(64)
	for n, e := range full {
		if _, err := i.Apply(ctx, plugins.Moment{Index: uint64(n)}, e); err != nil {
			return Undo{}, err
		}
	}
	one := append(append([][]byte(nil), full[0][:63]...), guests.Trap.Command())
	figures, err := inTurns(o, []work{
		applying(ctx, "honest", i, full[0][:1]), applying(ctx, "trap", i, [][]byte{guests.Trap.Command()}),
		applying(ctx, "batch", i, one), applying(ctx, "scribble", i, [][]byte{guests.Scribble.Command()}),
	})
	return Undo{Language: g.Language, Honest: figures["honest"], Trap: figures["trap"], Batch: figures["batch"], Scribble: figures["scribble"],
		MemoryMiB: float64(i.MemoryBytes()) / (1 << 20)}, err
}

// applying applies the same entry over and over.
func applying(ctx context.Context, name string, i *plugins.Instance, commands [][]byte) work {
	index := uint64(1 << 20)
	return work{name, func(n int) error {
		for range n {
			index++
			if _, err := i.Apply(ctx, plugins.Moment{Index: index, Time: int64(index)}, commands); err != nil {
				return err
			}
		}
		return nil
	}}
}
