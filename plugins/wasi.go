package plugins

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/wraft/wraft/plugins/abi"
)

// wasiCall is one function of WASI preview 1: it reads its arguments from the
// stack and returns an error number.
type wasiCall func(h *host, s []uint64) uint32

// wasiFunctions are those that a machine can have. The world they show has no
// arguments, no environment, no files, log time for a clock, and two
// descriptors that lead to the machine's log. docs/ABI.md has the table.
var wasiFunctions = map[string]wasiCall{
	"args_get":            func(*host, []uint64) uint32 { return abi.ErrnoSuccess },
	"args_sizes_get":      wasiNoStrings,
	"environ_get":         func(*host, []uint64) uint32 { return abi.ErrnoSuccess },
	"environ_sizes_get":   wasiNoStrings,
	"clock_res_get":       wasiClockResolution,
	"clock_time_get":      wasiClockTime,
	"fd_close":            wasiStandard,
	"fd_fdstat_get":       wasiFdstat,
	"fd_fdstat_set_flags": wasiStandard,
	"fd_filestat_get":     wasiFilestat,
	"fd_prestat_get":      wasiBadDescriptor,
	"fd_prestat_dir_name": wasiBadDescriptor,
	"fd_read":             wasiRead,
	"fd_seek":             wasiSeek,
	"fd_tell":             wasiSeek,
	"fd_write":            wasiWrite,
	"path_open":           wasiBadDescriptor,
	"poll_oneoff":         wasiPoll,
	"random_get":          wasiRandom,
	"sched_yield":         func(*host, []uint64) uint32 { return abi.ErrnoSuccess },
}

// wasiFunction adapts a call to the engine; nil is a function that no machine
// can have.
func wasiFunction(call wasiCall) function {
	if call == nil {
		return func(_ *host, s []uint64) { s[0] = uint64(abi.ErrnoNosys) }
	}
	return func(h *host, s []uint64) { s[0] = uint64(call(h, s)) }
}

// exit is what proc_exit ends a call with.
type exit struct{ code uint32 }

// Error tells the code.
func (e *exit) Error() string { return fmt.Sprintf("exit status %d", e.code) }

func wasiProcExit(_ *host, s []uint64) { panic(&exit{uint32(s[0])}) }

func wasiNoStrings(h *host, s []uint64) uint32 {
	if !h.memory.put32(uint32(s[0]), 0) || !h.memory.put32(uint32(s[1]), 0) {
		return abi.ErrnoFault
	}
	return abi.ErrnoSuccess
}

func wasiClockResolution(h *host, s []uint64) uint32 {
	if uint32(s[0]) > abi.ClockMonotonic {
		return abi.ErrnoInval
	}
	return h.put64(uint32(s[1]), 1)
}

func wasiClockTime(h *host, s []uint64) uint32 {
	if uint32(s[0]) > abi.ClockMonotonic {
		return abi.ErrnoInval
	}
	return h.put64(uint32(s[2]), uint64(h.clock))
}

func (h *host) put64(ptr uint32, v uint64) uint32 {
	if !h.memory.put64(ptr, v) {
		return abi.ErrnoFault
	}
	return abi.ErrnoSuccess
}

func wasiBadDescriptor(*host, []uint64) uint32 { return abi.ErrnoBadf }

// wasiStandard accepts whatever is done to a standard descriptor and changes
// nothing.
func wasiStandard(_ *host, s []uint64) uint32 {
	if uint32(s[0]) > abi.FdStderr {
		return abi.ErrnoBadf
	}
	return abi.ErrnoSuccess
}

func wasiFdstat(h *host, s []uint64) uint32 {
	return h.describe(s, abi.FdstatBytes, 0)
}

func wasiFilestat(h *host, s []uint64) uint32 {
	return h.describe(s, abi.FilestatBytes, 16) // after device and inode
}

// describe writes a structure of zeros with the file type at an offset.
func (h *host) describe(s []uint64, size, typeAt uint32) uint32 {
	if uint32(s[0]) > abi.FdStderr {
		return abi.ErrnoBadf
	}
	b, ok := h.memory.writable(uint32(s[1]), size)
	if !ok {
		return abi.ErrnoFault
	}
	clear(b)
	b[typeAt] = abi.FiletypeCharacterDevice
	return abi.ErrnoSuccess
}

// wasiRead is the end of standard input.
func wasiRead(h *host, s []uint64) uint32 {
	if uint32(s[0]) != abi.FdStdin {
		return abi.ErrnoBadf
	}
	if !h.memory.put32(uint32(s[3]), 0) {
		return abi.ErrnoFault
	}
	return abi.ErrnoSuccess
}

func wasiSeek(_ *host, s []uint64) uint32 {
	if uint32(s[0]) > abi.FdStderr {
		return abi.ErrnoBadf
	}
	return abi.ErrnoSpipe
}

// iovecsMax is what operating systems allow in one call.
const iovecsMax = 1024

// wasiWrite takes everything on stdout and stderr; what exceeds the budget of
// the log is dropped there, and the guest can't tell.
func wasiWrite(h *host, s []uint64) uint32 {
	fd, vectors, count := uint32(s[0]), uint32(s[1]), uint32(s[2])
	if fd != abi.FdStdout && fd != abi.FdStderr {
		return abi.ErrnoBadf
	}
	if count > iovecsMax {
		return abi.ErrnoInval
	}
	h.charge(count * abi.IovecBytes)
	list, ok := h.memory.read(vectors, count*abi.IovecBytes)
	if !ok {
		return abi.ErrnoFault
	}
	written := uint64(0)
	for ; len(list) > 0; list = list[abi.IovecBytes:] {
		h.charge(binary.LittleEndian.Uint32(list[4:]))
		data, ok := h.memory.read(binary.LittleEndian.Uint32(list), binary.LittleEndian.Uint32(list[4:]))
		if !ok {
			return abi.ErrnoFault
		}
		if written += uint64(len(data)); written > math.MaxInt32 {
			return abi.ErrnoInval
		}
		h.output.write(fd, data)
	}
	if !h.memory.put32(uint32(s[3]), uint32(written)) {
		return abi.ErrnoFault
	}
	return abi.ErrnoSuccess
}

func wasiRandom(h *host, s []uint64) uint32 {
	h.charge(uint32(s[1]))
	b, ok := h.memory.writable(uint32(s[0]), uint32(s[1]))
	if !ok {
		return abi.ErrnoFault
	}
	h.read(b)
	return abi.ErrnoSuccess
}
