package instrument

import (
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Stack. A function that calls others claims its frame (wasm.Body.FrameBytes)
// at its entry and gives it back at its end. So that there is one end only, the
// body becomes the inside of a block: a branch to the function's own label has
// the same number of blocks around it as before and now leaves that block, and
// return becomes such a branch. A trap gives nothing back; the host sets the
// budget before each call.
//
// A function that calls nobody claims nothing. Beyond what is counted there is
// thus at most one frame, which package wasm bounds, and the small one of a helper
// (bulk.go).

// enter appends what comes before the body's first instruction.
func (f *function) enter(n int) {
	cost := f.nextCost()
	if f.checked {
		f.payInLoop(cost, f.framed)
	} else {
		f.charge(cost)
	}
	if f.framed {
		f.op(wasm.OpBlock)
		f.code = append(f.code, f.pass.blockType(f.pass.module.OwnType(n).Results)...)
	}
}

// leave appends what comes after the body's end, which closed the block.
func (f *function) leave() {
	if !f.framed {
		return
	}
	f.claim(opI64Add)
	f.op(wasm.OpEnd)
}

func (f *function) claim(op wasm.Opcode) {
	f.indexed(wasm.OpGlobalGet, f.pass.stack)
	f.number(f.body.FrameBytes)
	f.op(op)
	f.indexed(wasm.OpGlobalSet, f.pass.stack)
}

// exit copies a return, or makes it a branch out of the block.
func (f *function) exit(in wasm.Instruction) {
	if !f.framed {
		f.copied(in)
		return
	}
	f.indexed(wasm.OpBr, uint32(len(f.blocks)-1))
}

// blockType encodes the type of a block without parameters.
func (p *pass) blockType(rs []abi.ValueType) []byte {
	switch len(rs) {
	case 0:
		return []byte{blockEmpty}
	case 1:
		return []byte{byte(rs[0])}
	}
	return appendSigned(nil, int64(p.module.Types()+p.resultsIndex(rs)))
}
