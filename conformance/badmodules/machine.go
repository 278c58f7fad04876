package badmodules

import (
	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/abi"
)

// weak is a counter with a weak spot. A command that starts with bad makes its
// apply run the code in apply, a query that starts with it the code in query; an
// input longer than longInput the code in alloc; the other exports run theirs
// always. Before the code runs the machine has ruined what it holds.
//
// The code of apply and query leaves an i32, the status of the answer. It may
// return an i64 of its own instead, or trap. The other code leaves nothing.
type weak struct {
	apply, query, alloc, initialize, snapshot, restore, marker, version []byte

	imports  []imported // beyond its own; their indexes start at firstImport
	locals   string     // of apply and query, beyond their own, from firstLocal on
	pages    uint32     // of memory at the start; 0 is 1
	pagesMax int        // declared; 0 is none
	// more adds functions, tables and data. Function indexes start at own.
	more func(b *wt.Builder, own uint32)
}

type imported struct{ module, name, params, results string }

const (
	// bad starts commands and queries that hit the weak spot, good all others.
	bad, good = 'b', 'a'
	longInput = 64

	counterAt = 16     // the machine's state
	dirtAt    = 40_000 // what it ruins before the weak spot
	dirt      = 0x7777
	bufferAt  = 3000 // of snapshot and restore

	authorsVersion = 3 // what the version export answers, where there is one

	importWrite = 0
	importRead  = 1
	firstImport = 2
	// Locals of apply, after its parameters ptr and len. localCommand points at
	// the length of the present command, whose bytes follow.
	localLeft, localOut, localCommand, localSaved, localStatus = 2, 3, 4, 5, 6
	firstLocal                                                 = 7
)

// bytes builds the module.
func (w weak) bytes() []byte { return w.builder().Bytes() }

// builder builds all of the module but what a case adds to it.
func (w weak) builder() *wt.Builder {
	b := wt.NewBuilder()
	b.Import(abi.ImportModule, "snapshot_write", "ii", "i")
	b.Import(abi.ImportModule, "restore_read", "ii", "i")
	for _, im := range w.imports {
		b.Import(im.module, im.name, im.params, im.results)
	}
	b.Memory(max(w.pages, 1), w.declared())
	b.Global(1)
	if w.more != nil {
		w.more(b, uint32(firstImport+len(w.imports)))
	}
	b.Export(abi.ExportMemory, 2, 0)
	b.Export(abi.ExportMarker, 0, b.Function("", "", "", w.marker))
	b.Export(abi.ExportAlloc, 0, b.Function("i", "i", "", w.allocCode()))
	b.Export(abi.ExportApply, 0, b.Function("ii", "I", "iiiii"+w.locals, w.applyCode()))
	b.Export(abi.ExportQuery, 0, b.Function("ii", "I", "iiiii"+w.locals, w.queryCode()))
	b.Export(abi.ExportSnapshot, 0, b.Function("", "i", "", w.snapshotCode()))
	b.Export(abi.ExportRestore, 0, b.Function("i", "i", "", w.restoreCode()))
	if w.version != nil {
		b.Export(abi.ExportVersion, 0, b.Function("", "i", "", wt.Join(w.version, wt.I32Const(authorsVersion))))
	}
	if w.initialize != nil {
		b.Export(abi.ExportInitialize, 0, b.Function("", "", "", w.initialize))
	}
	return b
}

func (w weak) declared() int {
	if w.pagesMax == 0 {
		return -1
	}
	return w.pagesMax
}

// store stores what code pushes at a fixed address.
func store(at int32, value []byte) []byte {
	return wt.Join(wt.I32Const(at), value, wt.I32Store(0))
}

func load(at int32) []byte { return wt.Join(wt.I32Const(at), wt.I32Load(0)) }

// ruin changes memory and a global, so that a rollback has something to undo.
func ruin() []byte {
	return wt.Join(store(counterAt, wt.I32Const(dirt)), store(dirtAt, wt.I32Const(dirt)), wt.I32Const(dirt), wt.GlobalSet(0))
}

func (w weak) allocCode() []byte {
	code := []byte{}
	if w.alloc != nil {
		code = wt.Join(wt.LocalGet(0), wt.I32Const(longInput), wt.I32GtU, wt.If, ruin(), w.alloc, wt.End)
	}
	return wt.Join(code, wt.I32Const(wt.InputAt))
}

// result appends (status, length) where localOut points and moves it on.
func result(status []byte, length int32) []byte {
	return wt.Join(
		wt.LocalGet(localOut), status, wt.I32Store(0),
		wt.LocalGet(localOut), wt.I32Const(length), wt.I32Store(4),
		wt.LocalGet(localOut), wt.I32Const(abi.ResultHeaderBytes+length), wt.I32Add, wt.LocalSet(localOut))
}

// applyCode counts one per good command and answers with the count.
func (w weak) applyCode() []byte {
	return wt.Join(
		wt.LocalGet(0), wt.I32Load(0), wt.LocalSet(localLeft),
		wt.I32Const(wt.OutputAt), wt.LocalSet(localOut),
		wt.LocalGet(0), wt.I32Const(abi.CountBytes), wt.I32Add, wt.LocalSet(localCommand),
		wt.Block, wt.Loop,
		wt.LocalGet(localLeft), wt.I32Eqz, wt.BrIf(1),
		wt.LocalGet(localCommand), wt.I32Load8(abi.LengthBytes), wt.I32Const(bad), wt.I32Eq,
		wt.If, w.weakSpot(w.apply), wt.Else, w.count(), wt.End,
		wt.LocalGet(localCommand), wt.LocalGet(localCommand), wt.I32Load(0), wt.I32Add, wt.I32Const(abi.LengthBytes), wt.I32Add, wt.LocalSet(localCommand),
		wt.LocalGet(localLeft), wt.I32Const(1), wt.I32Sub, wt.LocalSet(localLeft),
		wt.Br(0), wt.End, wt.End,
		w.answer())
}

// weakSpot ruins the state, runs the code, and if it lives mends the counter.
func (w weak) weakSpot(code []byte) []byte {
	if code == nil {
		code = wt.I32Const(0)
	}
	return wt.Join(load(counterAt), wt.LocalSet(localSaved), ruin(), code, wt.LocalSet(localStatus),
		store(counterAt, wt.LocalGet(localSaved)), result(wt.LocalGet(localStatus), 0))
}

func (w weak) count() []byte {
	return wt.Join(
		store(counterAt, wt.Join(load(counterAt), wt.I32Const(1), wt.I32Add)),
		wt.LocalGet(localOut), load(counterAt), wt.I32Store(abi.ResultHeaderBytes),
		result(wt.I32Const(0), 4))
}

// answer packs OutputAt and the bytes up to localOut.
func (w weak) answer() []byte {
	return wt.Join(wt.I64Const(wt.OutputAt), wt.I64Const(32), wt.I64Shl,
		wt.LocalGet(localOut), wt.I32Const(wt.OutputAt), wt.I32Sub, wt.I64ExtendU, wt.I64Or)
}

func (w weak) queryCode() []byte {
	return wt.Join(
		wt.I32Const(wt.OutputAt), wt.LocalSet(localOut),
		wt.LocalGet(0), wt.I32Const(abi.LengthBytes), wt.I32Sub, wt.LocalSet(localCommand),
		wt.LocalGet(0), wt.I32Load8(0), wt.I32Const(bad), wt.I32Eq,
		wt.If, w.weakSpot(w.query), w.answer(), wt.Return, wt.End,
		wt.LocalGet(localOut), load(counterAt), wt.I32Store(abi.ResultHeaderBytes),
		result(wt.I32Const(0), 4), w.answer())
}

func (w weak) snapshotCode() []byte {
	return wt.Join(w.snapshot, store(bufferAt, load(counterAt)),
		wt.I32Const(bufferAt), wt.I32Const(4), wt.Call(importWrite), wt.If, wt.I32Const(1), wt.Return, wt.End, wt.I32Const(0))
}

func (w weak) restoreCode() []byte {
	return wt.Join(w.restore,
		wt.I32Const(bufferAt), wt.I32Const(4), wt.Call(importRead), wt.I32Const(4), wt.I32Eq, wt.I32Eqz, wt.If, wt.I32Const(1), wt.Return, wt.End,
		store(counterAt, load(bufferAt)), wt.I32Const(0))
}
