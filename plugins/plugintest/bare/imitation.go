package bare

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/instrument"
	"github.com/wraft/wraft/plugins/wasm"
)

// Imitation is a host for one machine that is the same in a world of rewritten
// guests as in one of guests as they were written: what it answers and writes
// follows from the calls before, and it writes where the guest has its memory.
type Imitation struct {
	// Told is what the machine has logged, written and exported, in order.
	Told []byte
	// State is what the machine gets to restore, from its start.
	State []byte

	shift  uint32
	chance *rand.Rand
	clock  uint64
}

// tick is how far the clock goes on with each look at it, in ns.
const tick = 1000

// Imitate gives the world all functions that a machine imports. Most do nothing.
func (w *World) Imitate(ctx context.Context, binary []byte) (*Imitation, error) {
	m, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		return nil, err
	}
	host := &Imitation{chance: rand.New(rand.NewPCG(1, 2))}
	if w.config.Rewritten {
		host.shift = instrument.MapBytes
	}
	builders := map[string]wazero.HostModuleBuilder{}
	for _, im := range m.Imports {
		if builders[im.Module] == nil {
			builders[im.Module] = w.runtime.NewHostModuleBuilder(im.Module)
		}
		f := api.GoModuleFunc(func(_ context.Context, caller api.Module, stack []uint64) {
			if answer := host.call(im.Name, caller.Memory(), stack); len(im.Type.Results) > 0 {
				stack[0] = answer
			}
		})
		builders[im.Module].NewFunctionBuilder().WithGoModuleFunction(f, types(im.Type.Params), types(im.Type.Results)).Export(im.Name)
	}
	for name, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return nil, fmt.Errorf("bare: imitate %s: %w", name, err)
		}
	}
	return host, nil
}

// errEnd ends a machine that wants to end.
var errEnd = errors.New("bare: the machine ended itself")

// call answers one call of a host function.
func (h *Imitation) call(name string, m api.Memory, args []uint64) uint64 {
	switch name {
	case "args_sizes_get", "environ_sizes_get":
		h.put(m, args[0], make([]byte, 4))
		h.put(m, args[1], make([]byte, 4))
	case "args_get", "environ_get", "sched_yield":
	case "random", "random_get":
		drawn := make([]byte, uint32(args[1]))
		for n := range drawn {
			drawn[n] = byte(h.chance.Uint32())
		}
		h.put(m, args[0], drawn)
	case "clock_time_get":
		h.clock += tick
		h.put(m, args[2], binary.LittleEndian.AppendUint64(nil, h.clock))
	case "now", "index", "fuel":
		h.clock += tick
		return h.clock
	case "snapshot_write", "emit", "set_error":
		h.Told = append(h.Told, h.view(m, args[0], args[1])...)
	case "log":
		h.Told = append(h.Told, h.view(m, args[1], args[2])...)
	case "restore_read":
		n := min(len(h.State), int(uint32(args[1])))
		h.put(m, args[0], h.State[:n])
		h.State = h.State[n:]
		return uint64(n)
	case "fd_write":
		h.write(m, args)
	case "proc_exit", "abort":
		panic(errEnd)
	default: // of files, of which there are none
		return uint64(abi.ErrnoBadf)
	}
	return uint64(abi.ErrnoSuccess)
}

// write takes what lies in a list of places, as fd_write does.
func (h *Imitation) write(m api.Memory, args []uint64) {
	places, before := h.view(m, args[1], args[2]*abi.IovecBytes), len(h.Told)
	for ; len(places) > 0; places = places[abi.IovecBytes:] {
		at, n := binary.LittleEndian.Uint32(places), binary.LittleEndian.Uint32(places[4:])
		h.Told = append(h.Told, h.view(m, uint64(at), uint64(n))...)
	}
	h.put(m, args[3], binary.LittleEndian.AppendUint32(nil, uint32(len(h.Told)-before)))
}

// view is what the guest has at a place. A place outside of its memory is a fault of
// the test.
func (h *Imitation) view(m api.Memory, at, n uint64) []byte {
	b, ok := m.Read(uint32(at)+h.shift, uint32(n))
	if !ok {
		panic(fmt.Errorf("bare: %d bytes at %#x are outside of the memory", uint32(n), uint32(at)))
	}
	return b
}

func (h *Imitation) put(m api.Memory, at uint64, data []byte) {
	copy(h.view(m, at, uint64(len(data))), data)
}
