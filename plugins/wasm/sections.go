package wasm

import "github.com/wraft/wraft/plugins/abi"

func (m *Module) readTypes(r *reader) {
	n := r.count(r.most(typesMax), "types", "typesMax")
	for i := 0; i < n && r.ok(); i++ {
		if form := r.byte("a type"); r.ok() && form != 0x60 {
			r.feature("a type that isn't a function type", "build without the GC and typed-reference proposals")
		}
		params := r.valueTypes("parameters")
		results := r.valueTypes("results")
		m.types = append(m.types, abi.Signature{Params: params, Results: results})
	}
}

func (r *reader) valueTypes(what string) []abi.ValueType {
	n := r.count(typeValuesMax, what, "typeValuesMax")
	var ts []abi.ValueType
	for i := 0; i < n && r.ok(); i++ {
		ts = append(ts, r.valueType())
	}
	return ts
}

// valueType reads a value type and refuses the ones that aren't offered.
func (r *reader) valueType() abi.ValueType {
	t := r.byte("a value type")
	if !r.ok() {
		return 0
	}
	switch abi.ValueType(t) {
	case abi.I32, abi.I64, abi.F32, abi.F64, refFunc, refExtern:
	case vector:
		r.feature("SIMD (type v128)", hintSIMD)
	default:
		r.feature("a value type beyond numbers and plain references", "build without the GC and typed-reference proposals")
	}
	return abi.ValueType(t)
}

const (
	vector    abi.ValueType = 0x7b
	refFunc   abi.ValueType = 0x70
	refExtern abi.ValueType = 0x6f
)

func isReference(t abi.ValueType) bool { return t == refFunc || t == refExtern }

func (r *reader) referenceType() {
	if t := r.valueType(); r.ok() && !isReference(t) {
		r.malformed("%s is not a reference type", t)
	}
}

func (m *Module) readImports(r *reader) {
	n := r.count(importsMax, "imports", "importsMax")
	for i := 0; i < n && r.ok(); i++ {
		at := r.pos
		im := Import{Module: r.name("an import's namespace"), Name: r.name("an import's name"), Offset: at}
		kind := r.byte("an import's kind")
		if r.ok() && kind != KindFunction {
			r.pos = at
			r.refuse(&Refusal{Rule: RuleImport, What: "import " + im.Module + "." + im.Name + " is not a function", Why: "a machine owns its memory, tables and globals",
				Hint: "build without --import-memory and --import-table"})
		}
		im.Type, _ = m.typeAt(r, r.u32("an import's type"))
		m.Imports = append(m.Imports, im)
	}
}

// typeAt returns a function type by index and refuses an index that is none.
func (m *Module) typeAt(r *reader, index uint32) (abi.Signature, bool) {
	if !r.ok() {
		return abi.Signature{}, false
	}
	if uint64(index) >= uint64(len(m.types)) {
		r.malformed("type %d does not exist", index)
		return abi.Signature{}, false
	}
	return m.types[index], true
}

func (m *Module) readFunctions(r *reader) {
	n := r.count(r.most(functionsMax), "functions", "functionsMax")
	m.functions = make([]uint32, 0, n)
	for i := 0; i < n && r.ok(); i++ {
		t := r.u32("a function's type")
		m.typeAt(r, t)
		m.functions = append(m.functions, t)
	}
	m.Stats.Functions = n
}

func (m *Module) readTables(r *reader) {
	n := r.count(tablesMax, "tables", "tablesMax")
	for i := 0; i < n && r.ok(); i++ {
		r.referenceType()
		lo, _ := r.sizes("a table", 1<<32-1)
		m.tableSizes = append(m.tableSizes, lo)
		m.tableTotal += uint64(lo)
		if m.tableTotal > tableElementsMax {
			r.refuse(overLimit("tables are too large, in elements", m.tableTotal, tableElementsMax, "tableElementsMax"))
		}
	}
}

func (m *Module) readMemories(r *reader, l Limits) {
	n := r.count(1, "memories", "one memory")
	for i := 0; i < n && r.ok(); i++ {
		m.MemoryPages, m.MemoryPagesMax = r.sizes("the memory", pagesOfFormatMax)
		m.memories++
		if r.ok() && m.MemoryPages > l.MemoryPagesMax {
			f := overLimit("the memory is too large at the start, in pages of 64 KiB", uint64(m.MemoryPages), uint64(l.MemoryPagesMax), "MemoryPagesMax")
			f.Hint = "lower the initial memory, or raise the machine's memory limit"
			r.refuse(f)
		}
	}
}

// sizes reads the limits of a table or memory: minimum and optional maximum.
func (r *reader) sizes(what string, ceiling uint32) (lo, hi uint32) {
	flags := r.byte("the limits of " + what)
	switch {
	case !r.ok():
		return 0, 0
	case flags&4 != 0:
		r.feature("64-bit "+what, "build for wasm32, not memory64")
	case flags&2 != 0:
		r.feature("shared "+what+" (threads)", hintThreads)
	case flags > 1:
		r.malformed("unknown limits %#x of %s", flags, what)
	}
	lo, hi = r.u32("the minimum of "+what), ceiling
	if flags&1 != 0 {
		hi = r.u32("the maximum of " + what)
	}
	if r.ok() && (lo > hi || hi > ceiling) {
		r.malformed("%s: minimum %d, maximum %d", what, lo, hi)
	}
	return lo, hi
}

func (m *Module) readGlobals(r *reader) {
	n := r.count(r.most(globalsMax), "globals", "globalsMax")
	for i := 0; i < n && r.ok(); i++ {
		t := r.valueType()
		mutable := r.byte("a global's mutability")
		if mutable > 1 {
			r.malformed("unknown mutability %d", mutable)
		}
		if isReference(t) && mutable == 1 {
			r.refuse(&Refusal{Rule: RuleTable, What: "a mutable global holds a reference", Why: "references cannot be saved in a snapshot",
				Hint: "keep an index instead of a reference"})
		}
		r.constant(t)
		m.Globals = append(m.Globals, Global{Type: t, Mutable: mutable == 1})
	}
}

func (m *Module) readExports(r *reader) {
	n := r.count(r.most(exportsMax), "exports", "exportsMax")
	m.ExportItems = Span{r.pos, r.end}
	for i := 0; i < n && r.ok(); i++ {
		e := Export{Offset: r.pos, Name: r.name("an export's name"), Kind: r.byte("an export's kind"), Index: r.u32("an export's index")}
		if r.ok() && m.seen[e.Name] {
			r.malformed("export %q is there twice", e.Name)
		}
		m.checkExport(r, e)
		m.seen[e.Name] = true
		m.Exports = append(m.Exports, e)
	}
}

// checkExport refuses the export of something that does not exist.
func (m *Module) checkExport(r *reader, e Export) {
	switch e.Kind {
	case KindFunction:
		r.within("function", e.Index, len(m.Imports)+len(m.functions))
	case KindTable:
		r.within("table", e.Index, len(m.tableSizes))
	case KindMemory:
		r.within("memory", e.Index, m.memories)
	case KindGlobal:
		r.within("global", e.Index, len(m.Globals))
	default:
		if r.ok() {
			r.malformed("unknown kind %d of export", e.Kind)
		}
	}
}
