package wasm

import "github.com/wraft/wraft/plugins/abi"

// constant reads a constant expression of the given type: one instruction and
// end. value and known are set for i32.const, which is what offsets use.
func (r *reader) constant(want abi.ValueType) (value int32, known bool) {
	got := abi.ValueType(0)
	switch op := Opcode(r.byte("a constant")); op {
	case OpI32Const:
		value, known, got = int32(r.signed(32, "a constant")), true, abi.I32
	case OpI64Const:
		r.signed(64, "a constant")
		got = abi.I64
	case OpF32Const:
		r.skip(4, "a constant")
		got = abi.F32
	case OpF64Const:
		r.skip(8, "a constant")
		got = abi.F64
	case OpRefNull:
		got = r.valueType()
	case OpRefFunc:
		r.u32("a function index")
		got = refFunc
	default:
		r.feature("a constant expression with imported globals or arithmetic", "build without extended constant expressions and position-independent code")
	}
	if end := r.byte("a constant's end"); r.ok() && end != byte(OpEnd) {
		r.feature("a constant expression of several instructions", "build without extended constant expressions")
	}
	if r.ok() && got != want {
		r.malformed("a constant of type %s where %s is wanted", got, want)
	}
	return value, known
}

// readElements admits active segments, which fill tables once at the start,
// and declarative ones, which have no effect. Passive segments would be state
// that a snapshot doesn't hold.
func (m *Module) readElements(r *reader) {
	n := r.count(elementSegmentsMax, "element segments", "elementSegmentsMax")
	total := 0
	for i := 0; i < n && r.ok(); i++ {
		flags := r.u32("an element segment")
		if r.ok() && flags > 7 {
			r.malformed("unknown kind %d of element segment", flags)
		}
		if flags == 1 || flags == 5 {
			r.tableChange("a passive element segment")
		}
		total += m.readElement(r, flags, elementItemsMax-total)
	}
}

func (m *Module) readElement(r *reader, flags uint32, itemsMax int) int {
	active, table, offset := flags&1 == 0, uint32(0), int32(0)
	if active {
		if flags&2 != 0 {
			table = r.u32("a table index")
		}
		offset, _ = r.constant(abi.I32)
	}
	expressions := flags&4 != 0
	if flags&3 != 0 {
		if expressions {
			r.referenceType()
		} else if kind := r.byte("an element kind"); r.ok() && kind != 0 {
			r.malformed("unknown element kind %d", kind)
		}
	}
	n := r.count(itemsMax, "table elements", "elementItemsMax")
	for i := 0; i < n && r.ok(); i++ {
		if expressions {
			r.constant(refFunc)
		} else {
			r.u32("a function index")
		}
	}
	if active && r.ok() {
		m.checkElementPlace(r, table, uint32(offset), n)
	}
	return n
}

func (m *Module) checkElementPlace(r *reader, table, offset uint32, n int) {
	if uint64(table) >= uint64(len(m.tableSizes)) {
		r.malformed("table %d does not exist", table)
		return
	}
	if uint64(offset)+uint64(n) > uint64(m.tableSizes[table]) {
		r.malformed("an element segment at %d with %d items overruns its table of %d", offset, n, m.tableSizes[table])
	}
}

func (r *reader) tableChange(what string) {
	r.refuse(&Refusal{Rule: RuleTable, What: what + " is not offered", Why: "tables must not change at run time, since snapshots don't hold them",
		Hint: "build without reference types that fill tables at run time"})
}

func (m *Module) readDataCount(r *reader) {
	m.dataCount = int(r.u32("the number of data segments")) + 1
	if m.dataCount > dataSegmentsMax {
		r.refuse(overLimit("too many data segments", uint64(m.dataCount-1), dataSegmentsMax, "dataSegmentsMax"))
	}
}

// segment refuses the index of a data segment that was not announced.
func (m *Module) segment(r *reader, index uint32) {
	r.within("data segment", index, max(0, m.dataCount-1))
}

func (m *Module) readData(r *reader) {
	n := r.count(dataSegmentsMax, "data segments", "dataSegmentsMax")
	if r.ok() && m.dataCount != 0 && m.dataCount != n+1 {
		r.malformed("%d data segments, but %d were announced", n, m.dataCount-1)
	}
	m.dataCount = n + 1
	for i := 0; i < n && r.ok(); i++ {
		flags := r.u32("a data segment")
		if r.ok() && flags > 2 {
			r.malformed("unknown kind %d of data segment", flags)
		}
		if flags == 2 {
			if index := r.u32("a memory index"); index != 0 {
				r.malformed("memory %d does not exist", index)
			}
		}
		place := DataPlace{Span: Span{Start: r.pos}}
		if flags != 1 {
			offset, _ := r.constant(abi.I32)
			place.Span.End, place.Offset = r.pos, uint32(offset)
		}
		n := r.u32("the length of a data segment")
		r.skip(int(n), "a data segment")
		if flags == 1 || !r.ok() {
			continue
		}
		if uint64(place.Offset)+uint64(n) > uint64(m.MemoryPages)*pageBytes {
			r.malformed("a data segment at %d with %d bytes overruns the memory of %d pages", place.Offset, n, m.MemoryPages)
		}
		m.DataPlaces = append(m.DataPlaces, place)
	}
}
