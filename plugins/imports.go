package plugins

import (
	"context"
	"encoding/binary"
	"fmt"
	"unicode/utf16"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wraft/wraft/plugins/abi"
)

// function is the body of a host function: arguments and the result are in
// stack, as the engine passes them.
type function func(h *host, stack []uint64)

// wraftFunctions are the imports of the namespace wraft, see docs/ABI.md.
var wraftFunctions = map[string]function{
	"now":            func(h *host, s []uint64) { s[0] = uint64(h.clock) },
	"index":          func(h *host, s []uint64) { s[0] = h.moment.Index },
	"random":         func(h *host, s []uint64) { h.read(h.buffer(uint32(s[0]), uint32(s[1]))) },
	"fuel":           func(h *host, s []uint64) { s[0] = uint64(h.meter.left()) },
	"log":            func(h *host, s []uint64) { h.output.add(int32(s[0]), h.view(uint32(s[1]), uint32(s[2]))) },
	"emit":           hostEmit,
	"set_error":      hostSetError,
	"snapshot_write": hostSnapshotWrite,
	"restore_read":   hostRestoreRead,
}

// registerHost offers the three namespaces of host functions. Every name of
// package abi is there; of WASI, what has no implementation answers ENOSYS.
func registerHost(ctx context.Context, r wazero.Runtime) error {
	wasi := make(map[string]function, len(wasiFunctions))
	for _, name := range abi.ImportNames(abi.WASIModule) {
		wasi[name] = wasiFunction(wasiFunctions[name])
	}
	wasi["proc_exit"] = wasiProcExit
	for module, functions := range map[string]map[string]function{
		abi.ImportModule:         wraftFunctions,
		abi.WASIModule:           wasi,
		abi.AssemblyScriptModule: {"abort": hostAbort},
	} {
		if err := registerModule(ctx, r, module, functions); err != nil {
			return err
		}
	}
	return nil
}

func registerModule(ctx context.Context, r wazero.Runtime, module string, functions map[string]function) error {
	builder := r.NewHostModuleBuilder(module)
	for name, f := range functions {
		sig, _, ok := abi.ImportSignature(module, name)
		if !ok {
			return fmt.Errorf("%s.%s is not in the ABI", module, name)
		}
		call := api.GoFunc(func(ctx context.Context, stack []uint64) { f(hostOf(ctx), stack) })
		builder.NewFunctionBuilder().WithGoFunction(call, engineTypes(sig.Params), engineTypes(sig.Results)).Export(name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

func engineTypes(ts []abi.ValueType) []api.ValueType {
	out := make([]api.ValueType, len(ts))
	for i, t := range ts {
		out[i] = api.ValueType(t)
	}
	return out
}

func hostEmit(h *host, s []uint64) {
	data := h.view(uint32(s[0]), uint32(s[1]))
	if h.emitted += len(data) + eventOverheadBytes; h.emitted > h.limits.EventBytesMax {
		panic(&fault{StatusLimits, fmt.Sprintf("the entry emits more than %d bytes of events", h.limits.EventBytesMax)})
	}
	h.events = append(h.events, Event{Index: h.moment.Index, N: len(h.events), Data: append([]byte(nil), data...)})
}

// failureBytesMax bounds the text of set_error; longer ones are cut.
const failureBytesMax = 1024

func hostSetError(h *host, s []uint64) {
	text := h.view(uint32(s[0]), uint32(s[1]))
	h.failure = string(text[:min(len(text), failureBytesMax)])
}

func hostSnapshotWrite(h *host, s []uint64) {
	data := h.view(uint32(s[0]), uint32(s[1]))
	answer := abi.StreamOK
	switch {
	case h.sink == nil || h.stream != nil:
		answer = abi.StreamFailed
	case int64(len(data)) > h.left:
		h.left, answer = -1, abi.StreamFailed
	default:
		h.left -= int64(len(data))
		if _, err := h.sink.Write(data); err != nil {
			h.stream, answer = err, abi.StreamFailed
		}
	}
	s[0] = uint64(uint32(answer))
}

// hostRestoreRead fills the guest's buffer completely unless the stream ends:
// how a reader happens to chunk must not be visible to the guest.
func hostRestoreRead(h *host, s []uint64) {
	buffer := h.buffer(uint32(s[0]), uint32(s[1]))
	buffer = buffer[:min(len(buffer), 1<<30)]
	answer := abi.StreamFailed
	if h.source != nil && h.stream == nil {
		n, err := readFull(h.source, buffer)
		if answer = int32(n); err != nil {
			h.stream, answer = err, abi.StreamFailed
		}
	}
	s[0] = uint64(uint32(answer))
}

// hostAbort is AssemblyScript's abort(message, file, line, column). Its strings
// are UTF-16 with their byte length before the pointer.
func hostAbort(h *host, s []uint64) {
	text := "abort"
	if message := h.assemblyScriptString(uint32(s[0])); message != "" {
		text = "abort: " + message
	}
	panic(&fault{StatusTrap, text})
}

func (h *host) assemblyScriptString(ptr uint32) string {
	size, ok := h.memory.read(ptr-4, 4)
	if ptr < 4 || !ok {
		return ""
	}
	raw, ok := h.memory.read(ptr, min(binary.LittleEndian.Uint32(size), complaintBytesMax)&^1)
	if !ok {
		return ""
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = uint16(raw[2*i]) | uint16(raw[2*i+1])<<8
	}
	return string(utf16.Decode(units))
}
