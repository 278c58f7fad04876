package wasm

// Limits bounds what a binary may contain. Every field has a default, which is
// several times what the largest known honest modules need.
type Limits struct {
	// ModuleBytesMax bounds the whole binary. Default 64 MiB.
	ModuleBytesMax int
	// MemoryPagesMax bounds the initial memory in pages of 64 KiB. Default
	// 4096 (256 MiB). A declared maximum may be larger: growth is bounded when
	// the module runs.
	MemoryPagesMax uint32
	// Rewritten says that the binary is what package instrument made of one that
	// was admitted: bounds of its parts leave room for what was added. Frames are
	// not bounded, since those of the original were, with the additions.
	Rewritten bool
}

const (
	moduleBytesDefault = 64 << 20
	memoryPagesDefault = 4096
)

// withDefaults returns a copy with every zero field set to its default.
func (l Limits) withDefaults() Limits {
	if l.ModuleBytesMax == 0 {
		l.ModuleBytesMax = moduleBytesDefault
	}
	if l.MemoryPagesMax == 0 {
		l.MemoryPagesMax = memoryPagesDefault
	}
	return l
}

// Limits of the parts of a binary. They are constants and not settings: every
// replica must judge a module alike, and an engine's compiler is only known to
// be well behaved inside them.
const (
	typesMax           = 4096
	typeValuesMax      = 64 // parameters, and results, of one type
	importsMax         = 256
	functionsMax       = 200_000
	tablesMax          = 4
	tableElementsMax   = 1 << 20 // over all tables
	globalsMax         = 4096
	exportsMax         = 4096
	elementSegmentsMax = 16_384
	elementItemsMax    = 1 << 20 // over all segments
	dataSegmentsMax    = 131_072
	customSectionsMax  = 1024
	nameBytesMax       = 1024
	pageBytes          = 65_536
	pagesOfFormatMax   = 65_536
)

// What rewriting adds at most to whatever is counted: a type for each list of
// results, an export for each global, four locals to each function, a block
// around each body and a check within the innermost loop; and to the bytes of a
// body. Package plugins reads back whatever it has prepared, so a module for
// which this is not enough is refused when it is uploaded and not later.
const (
	rewrittenFactor      = 2
	rewrittenMore        = 64
	rewrittenBytesFactor = 8
)

// Limits of function bodies.
const (
	bodyBytesMax     = 4 << 20 // one body
	localsMax        = 10_000  // one function, parameters included
	localsTotalMax   = 4_000_000
	nestingMax       = 5_000   // blocks within blocks
	brTargetsMax     = 40_000  // targets of one br_table
	brTargetsTotal   = 4 << 20 // targets of a module
	brTargetsBodyMax = 400_000 // targets of one body
)
