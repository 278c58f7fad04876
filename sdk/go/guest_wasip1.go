//go:build wasip1

package wraft

import (
	"bufio"
	"errors"
	"io"
	"unsafe"
)

// The imports of ABI v1. Pointers are offsets in linear memory.

//go:wasmimport wraft now
func hostNow() int64

//go:wasmimport wraft index
func hostIndex() int64

//go:wasmimport wraft random
func hostRandom(ptr unsafe.Pointer, n uint32)

//go:wasmimport wraft log
func hostLog(level int32, ptr unsafe.Pointer, n uint32)

//go:wasmimport wraft emit
func hostEmit(ptr unsafe.Pointer, n uint32)

//go:wasmimport wraft set_error
func hostSetError(ptr unsafe.Pointer, n uint32)

//go:wasmimport wraft snapshot_write
func hostSnapshotWrite(ptr unsafe.Pointer, n uint32) int32

//go:wasmimport wraft restore_read
func hostRestoreRead(ptr unsafe.Pointer, n uint32) int32

// wasmHost reaches the host through the imports.
type wasmHost struct{}

func (wasmHost) now() int64      { return hostNow() }
func (wasmHost) index() uint64   { return uint64(hostIndex()) }
func (wasmHost) random(b []byte) { hostRandom(address(b), uint32(len(b))) }
func (wasmHost) emit(b []byte)   { hostEmit(address(b), uint32(len(b))) }
func (wasmHost) log(level Level, text string) {
	hostLog(int32(level), unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
}

func address(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

var (
	here = Context{host: wasmHost{}}
	// input is where the host writes commands, output where it reads results;
	// both are reused by every call.
	input, output []byte
)

const (
	inputBytesMin  = 4 << 10
	outputBytesMin = 4 << 10
	streamBytes    = 64 << 10
)

//go:wasmexport wraft_abi_v1
func abiV1() {}

//go:wasmexport wraft_alloc
func alloc(n int32) unsafe.Pointer {
	if n < 0 || registered == nil {
		return nil
	}
	if int(n) > len(input) {
		input = make([]byte, max(int(n), 2*len(input), inputBytesMin))
	}
	if len(input) == 0 {
		input = make([]byte, inputBytesMin)
	}
	return address(input)
}

//go:wasmexport wraft_apply
func apply(_ unsafe.Pointer, n int32) int64 {
	return answer(applyFrame(registered, &here, input[:n:n], emptied()))
}

//go:wasmexport wraft_query
func query(_ unsafe.Pointer, n int32) int64 {
	return answer(queryFrame(registered, &here, input[:n:n], emptied()))
}

// emptied returns the output buffer, empty.
func emptied() []byte {
	if output == nil {
		output = make([]byte, 0, outputBytesMin)
	}
	return output[:0]
}

// answer packs where a result lies, and keeps the buffer that holds it alive.
func answer(b []byte) int64 {
	output = b
	return int64(uintptr(address(b)))<<32 | int64(len(b))
}

//go:wasmexport wraft_snapshot
func snapshot() int32 {
	if registered == nil {
		return report(errors.New("the module registers no machine"))
	}
	w := bufio.NewWriterSize(hostWriter{}, streamBytes)
	err := registered.Snapshot(w)
	if err == nil {
		err = w.Flush()
	}
	return report(err)
}

//go:wasmexport wraft_restore
func restore(fromVersion int32) int32 {
	if registered == nil {
		return report(errors.New("the module registers no machine"))
	}
	r := bufio.NewReaderSize(hostReader{}, streamBytes)
	return report(registered.Restore(r, uint32(fromVersion)))
}

//go:wasmexport wraft_version
func version() int32 { return int32(versionOf(registered)) }

// report tells the host why a stream failed and returns its status.
func report(err error) int32 {
	code, text := status(err)
	if err != nil {
		hostSetError(unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
	}
	return code
}

// hostWriter streams a snapshot out.
type hostWriter struct{}

func (hostWriter) Write(b []byte) (int, error) {
	if hostSnapshotWrite(address(b), uint32(len(b))) != 0 {
		return 0, errors.New("the host refuses more of the snapshot")
	}
	return len(b), nil
}

// hostReader streams a snapshot in.
type hostReader struct{}

func (hostReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	switch n := hostRestoreRead(address(b), uint32(len(b))); {
	case n < 0:
		return 0, errors.New("the host cannot read the snapshot")
	case n == 0:
		return 0, io.EOF
	default:
		return int(n), nil
	}
}
