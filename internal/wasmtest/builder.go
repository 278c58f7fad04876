package wasmtest

// Builder assembles small modules by hand, honest and otherwise. Types are
// strings of letters: i is i32, I is i64, f is f32, F is f64.
//
//	b := wasmtest.NewMachine(wasmtest.Unreachable)
//	binary := b.Bytes()
type Builder struct {
	sections  map[byte][][]byte // items of each section
	types     map[string]uint32
	functions uint32 // imports included
	raw       []byte // appended as it is
}

// NewBuilder starts an empty module.
func NewBuilder() *Builder {
	return &Builder{sections: map[byte][][]byte{}, types: map[string]uint32{}}
}

// Where the machines of NewMachine keep things in memory.
const (
	InputAt  = 1024
	OutputAt = 2048
)

// NewMachine starts a module with everything a machine must have and an apply
// with the given code: (ptr i32 = local 0, len i32 = local 1) -> i64. Query is
// the same function. Memory has one page and may grow.
func NewMachine(apply ...[]byte) *Builder {
	b := NewBuilder()
	b.Memory(1, -1)
	b.Export("memory", 2, 0)
	f := b.Function("ii", "I", "", apply...)
	b.Export("wraft_apply", 0, f)
	b.Export("wraft_query", 0, f)
	b.Export("wraft_abi_v1", 0, b.Function("", "", ""))
	b.Export("wraft_alloc", 0, b.Function("i", "i", "", I32Const(InputAt)))
	b.Export("wraft_snapshot", 0, b.Function("", "i", "", I32Const(0)))
	b.Export("wraft_restore", 0, b.Function("i", "i", "", I32Const(0)))
	return b
}

// Import adds an imported function and returns its index. Imports must come
// before functions, so this can't be used after NewMachine.
func (b *Builder) Import(module, name, params, results string) uint32 {
	item := append(text(module), text(name)...)
	item = append(item, 0)
	return b.function(2, append(item, Unsigned(uint64(b.Type(params, results)))...))
}

// Function adds a function; its end is added to the code.
func (b *Builder) Function(params, results, locals string, code ...[]byte) uint32 {
	index := b.function(3, Unsigned(uint64(b.Type(params, results))))
	body := Unsigned(uint64(len(locals)))
	for _, l := range locals {
		body = append(body, 1, letter(l))
	}
	for _, c := range code {
		body = append(body, c...)
	}
	body = append(body, 0x0b)
	b.Item(10, append(Unsigned(uint64(len(body))), body...))
	return index
}

func (b *Builder) function(section byte, item []byte) uint32 {
	b.Item(section, item)
	b.functions++
	return b.functions - 1
}

// Type returns the index of a function type, adding it if it is new.
func (b *Builder) Type(params, results string) uint32 {
	key := params + ":" + results
	if index, ok := b.types[key]; ok {
		return index
	}
	item := []byte{0x60}
	for _, ts := range []string{params, results} {
		item = append(item, Unsigned(uint64(len(ts)))...)
		for _, l := range ts {
			item = append(item, letter(l))
		}
	}
	b.Item(1, item)
	b.types[key] = uint32(len(b.types))
	return b.types[key]
}

// Memory declares the memory in pages; a negative maximum is none.
func (b *Builder) Memory(minimum uint32, maximum int) {
	item := append([]byte{0}, Unsigned(uint64(minimum))...)
	if maximum >= 0 {
		item = append([]byte{1}, Unsigned(uint64(minimum))...)
		item = append(item, Unsigned(uint64(maximum))...)
	}
	b.sections[5] = [][]byte{item}
}

// SetMemory declares the memory by the encoded limits, right or wrong.
func (b *Builder) SetMemory(limits []byte) { b.sections[5] = [][]byte{limits} }

// Global declares a mutable i32 global and returns its index.
func (b *Builder) Global(initial int32) uint32 {
	item := append([]byte{0x7f, 1}, I32Const(initial)...)
	b.Item(6, append(item, 0x0b))
	return uint32(len(b.sections[6]) - 1)
}

// Export adds an export of the given kind (0 function, 2 memory, 3 global).
func (b *Builder) Export(name string, kind byte, index uint32) {
	b.Item(7, append(append(text(name), kind), Unsigned(uint64(index))...))
}

// Data puts bytes into the memory at the start.
func (b *Builder) Data(at int32, data []byte) {
	item := append([]byte{0}, I32Const(at)...)
	item = append(append(item, 0x0b), Unsigned(uint64(len(data)))...)
	b.Item(11, append(item, data...))
}

// Item appends an encoded item to a section by number.
func (b *Builder) Item(section byte, item []byte) {
	b.sections[section] = append(b.sections[section], item)
}

// Raw appends bytes after the last section.
func (b *Builder) Raw(raw ...byte) { b.raw = append(b.raw, raw...) }

// sectionOrder is the order that the format demands.
var sectionOrder = []byte{1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11}

// Bytes encodes the module.
func (b *Builder) Bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, id := range sectionOrder {
		items := b.sections[id]
		if len(items) == 0 {
			continue
		}
		var body []byte
		if id != 8 && id != 12 { // start and data count hold one bare number
			body = Unsigned(uint64(len(items)))
		}
		for _, item := range items {
			body = append(body, item...)
		}
		out = append(out, id)
		out = append(out, Unsigned(uint64(len(body)))...)
		out = append(out, body...)
	}
	return append(out, b.raw...)
}

func text(s string) []byte { return append(Unsigned(uint64(len(s))), s...) }

func letter(l rune) byte {
	switch l {
	case 'i':
		return 0x7f
	case 'I':
		return 0x7e
	case 'f':
		return 0x7d
	case 'F':
		return 0x7c
	}
	panic("wasmtest: unknown type letter " + string(l))
}
