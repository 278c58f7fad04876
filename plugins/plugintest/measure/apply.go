package measure

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/plugintest/bare"
	"github.com/wraft/wraft/plugins/plugintest/guests"
	"github.com/wraft/wraft/plugins/plugintest/kvmodel"
)

// Apply is what one command costs in a language, in entries of Batch commands.
type Apply struct {
	Language, Compiler string
	Batch              int
	// Wraft is the machine in the runtime, with all its checks, one entry per call.
	// Raw is the same machine as it was written in the bare engine.
	Wraft, Raw Figure
}

// Native is what the same commands cost a map in Go, in entries of Batch commands.
type Native struct {
	Batch int
	Go    Figure
}

// Batches are the sizes of entries that are measured.
var Batches = []int{1, 64}

const (
	commandBytes = 64
	keys         = 1000
	entriesKept  = 256 // different entries of one work
)

// entries are commands of 64 bytes each that put values under 1,000 keys.
func entries(batch int) [][][]byte {
	corpus := kvmodel.NewCorpus(7)
	out := make([][][]byte, entriesKept)
	for e := range out {
		for range batch {
			key := fmt.Appendf(nil, "key-%03d", corpus.Below(keys))
			bare := len(kvmodel.Command("put", key, make([]byte, 24), nil))
			out[e] = append(out[e], kvmodel.Command("put", key, make([]byte, 24+commandBytes-bare), nil))
		}
	}
	return out
}

// Applies measures all machines and the map, in turns.
func Applies(ctx context.Context, o Options, built []guests.Guest) (applies []Apply, natives []Native, err error) {
	var works []work
	for _, g := range built {
		i, done, err := instance(ctx, g.Binary)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", g.Language, err)
		}
		defer done()
		r, err := newRaw(ctx, g.Binary)
		if err != nil {
			return nil, nil, fmt.Errorf("%s as it was written: %w", g.Language, err)
		}
		defer r.world.Close(ctx)
		for _, batch := range Batches {
			works = append(works, inRuntime(ctx, g.Language, i, batch), r.work(ctx, g.Language, batch))
		}
	}
	for _, batch := range Batches {
		works = append(works, native(batch))
	}
	figures, err := inTurns(o, works)
	for _, batch := range Batches {
		natives = append(natives, Native{batch, figures[label("native", "", batch)].per(batch)})
		for _, g := range built {
			applies = append(applies, Apply{Language: g.Language, Compiler: g.Compiler, Batch: batch,
				Wraft: figures[label("wraft", g.Language, batch)].per(batch), Raw: figures[label("raw", g.Language, batch)].per(batch)})
		}
	}
	return applies, natives, err
}

func label(kind, language string, batch int) string {
	return fmt.Sprint(kind, " ", language, " ", batch)
}

// per divides a figure.
func (f Figure) per(n int) Figure {
	return Figure{f.Median / float64(n), f.Least / float64(n), f.Most / float64(n)}
}

// instance starts a machine in an engine of its own.
func instance(ctx context.Context, binary []byte) (*plugins.Instance, func() error, error) {
	e, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		return nil, nil, err
	}
	m, err := e.Compile(ctx, binary)
	if err == nil {
		var i *plugins.Instance
		if i, err = e.NewInstance(ctx, m, plugins.InstanceConfig{}); err == nil {
			return i, func() error { return errors.Join(i.Close(ctx), e.Close(ctx)) }, nil
		}
	}
	return nil, nil, errors.Join(err, e.Close(ctx))
}

// inRuntime applies entries to an instance.
func inRuntime(ctx context.Context, language string, i *plugins.Instance, batch int) work {
	all, index := entries(batch), uint64(0)
	return work{label("wraft", language, batch), func(n int) error {
		for range n {
			index++
			results, err := i.Apply(ctx, plugins.Moment{Index: index, Time: int64(index)}, all[index%entriesKept])
			if err != nil || results[0].Status != plugins.StatusOK {
				return fmt.Errorf("entry %d: %v, %w", index, results, err)
			}
		}
		return nil
	}}
}

// native does the same with a map in Go.
func native(batch int) work {
	all, index, store := entries(batch), 0, map[string][]byte{}
	return work{label("native", "", batch), func(n int) error {
		for range n {
			index++
			for _, c := range all[index%entriesKept] {
				key, value := operands(c)
				if v, ok := store[string(key)]; ok {
					copy(v, value)
				} else {
					store[string(key)] = append([]byte(nil), value...)
				}
			}
		}
		return nil
	}}
}

// operands finds key and value in a command of entries: an array, the text "put",
// a short byte string, and one with a length byte.
func operands(c []byte) (key, value []byte) {
	const keyAt = 6
	n := int(c[keyAt-1] & 0x1f)
	key, c = c[keyAt:keyAt+n], c[keyAt+n:]
	return key, c[2 : 2+int(c[1])]
}

// raw is a machine as it was written, in the bare engine.
type raw struct {
	world        *bare.World
	guest        *bare.Guest
	alloc, apply *bare.Function
	input        []byte
}

func newRaw(ctx context.Context, binary []byte) (*raw, error) {
	r := &raw{world: bare.NewWorld(ctx, bare.Config{MemoryPagesMax: 4096})}
	err := r.world.Offer(ctx, binary)
	if err == nil {
		r.guest, err = r.world.Start(ctx, binary, "")
	}
	if err == nil {
		if f := r.guest.Function(abi.ExportInitialize); f != nil {
			err = f.Call(ctx, make([]uint64, 1))
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.world.Close(ctx))
	}
	r.alloc, r.apply = r.guest.Function(abi.ExportAlloc), r.guest.Function(abi.ExportApply)
	return r, nil
}

// work hands entries to the machine and looks at the first status of its answer.
func (r *raw) work(ctx context.Context, language string, batch int) work {
	all, index := entries(batch), 0
	return work{label("raw", language, batch), func(n int) error {
		for range n {
			index++
			if err := r.entry(ctx, all[index%entriesKept]); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (r *raw) entry(ctx context.Context, commands [][]byte) error {
	b := binary.LittleEndian.AppendUint32(r.input[:0], uint32(len(commands)))
	for _, c := range commands {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(c))), c...)
	}
	r.input = b
	var stack [2]uint64
	stack[0] = uint64(len(b))
	if err := r.alloc.Call(ctx, stack[:]); err != nil {
		return err
	}
	at := uint32(stack[0])
	copy(r.guest.Memory(abi.ExportMemory)[at:], b)
	stack[0], stack[1] = uint64(at), uint64(len(b))
	if err := r.apply.Call(ctx, stack[:]); err != nil {
		return err
	}
	answer := append([]byte(nil), r.guest.Memory(abi.ExportMemory)[stack[0]>>32:][:uint32(stack[0])]...)
	if status := binary.LittleEndian.Uint32(answer); status != 0 {
		return fmt.Errorf("status %d", status)
	}
	return nil
}
