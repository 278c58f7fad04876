package abi

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/wasm"
)

// Inspection is what one can know of a module without running it. Its JSON is
// what `wraftd plugin inspect -o json` prints.
type Inspection struct {
	// Digest is the module's name in a cluster, "sha256:" and 64 hex digits.
	Digest string `json:"digest"`
	Bytes  int    `json:"bytes"`
	// Refusal is why a cluster would refuse it; nil if none would.
	Refusal *Refused `json:"refusal,omitempty"`
	// Artefact is what replicas would run; nil if it is refused.
	Artefact *Prepared `json:"artefact,omitempty"`
	// The rest is missing if the binary cannot be read to its end.
	Imports  []Foreign `json:"imports,omitempty"`
	Exports  []Export  `json:"exports,omitempty"`
	Features []string  `json:"features,omitempty"`
	// MemoryBytes is the linear memory with which an instance starts.
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
	Functions   int   `json:"functions,omitempty"`
	// BodyBytesMax is the longest function's.
	BodyBytesMax int            `json:"body_bytes_max,omitempty"`
	Globals      int            `json:"globals,omitempty"`
	Sections     map[string]int `json:"section_bytes,omitempty"`
}

// Refused is a refusal.
type Refused struct {
	// Rule is its stable name.
	Rule string `json:"rule"`
	What string `json:"what"`
	Why  string `json:"why"`
	Hint string `json:"hint,omitempty"`
	// Function is the index of the function, imports counted; -1 for none.
	Function int `json:"function"`
	// Offset is the place in the binary, in bytes.
	Offset int `json:"offset"`
}

// Prepared is an artefact as this release makes it.
type Prepared struct {
	Digest string `json:"digest"`
	Bytes  int    `json:"bytes"`
	// Pass and Host are the versions of the rewriting pass and of the host.
	Pass uint32 `json:"pass"`
	Host uint32 `json:"host"`
	// RunID is that of a machine with the default limits.
	RunID string `json:"run_id"`
}

// Foreign is an imported function.
type Foreign struct {
	Module string `json:"module"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	// Offered says whether the host has it, with this type.
	Offered bool `json:"offered"`
}

// Export is an exported name.
type Export struct {
	Name string `json:"name"`
	// Kind is function, table, memory or global.
	Kind string `json:"kind"`
	// Type is a function's.
	Type string `json:"type,omitempty"`
}

// Inspect reads a binary. A module that a cluster would refuse is no error: the
// Inspection says why. Zero limits mean the defaults.
func Inspect(binary []byte, l plugins.Limits) (*Inspection, error) {
	i := &Inspection{Digest: hexDigest(sha256.Sum256(binary)), Bytes: len(binary)}
	a, err := plugins.Prepare(binary, l)
	var r *plugins.RefusedError
	switch {
	case errors.As(err, &r):
		i.Refusal = &Refused{Rule: r.Rule, What: r.What, Why: r.Why, Hint: r.Hint, Function: r.Function, Offset: r.Offset}
	case err != nil:
		return nil, err
	default:
		i.Artefact = &Prepared{Digest: hexDigest(a.Digest), Bytes: len(a.Binary), Pass: a.Pass, Host: a.Host,
			RunID: plugins.RunIDOf(a.Digest, a.Host, l).String()}
	}
	if m, err := wasm.Read(binary, wasm.Limits{}); err == nil { // otherwise Refusal says why
		i.contents(binary, m)
	}
	return i, nil
}

func hexDigest(sum [32]byte) string { return fmt.Sprintf("sha256:%x", sum) }

func (i *Inspection) contents(binary []byte, m *wasm.Module) {
	for _, im := range m.Imports {
		want, _, ok := abi.ImportSignature(im.Module, im.Name)
		i.Imports = append(i.Imports, Foreign{Module: im.Module, Name: im.Name, Type: im.Type.String(), Offered: ok && want.Equal(im.Type)})
	}
	for _, e := range m.Exports {
		x := Export{Name: e.Name, Kind: kinds[e.Kind]}
		if sig, ok := m.FunctionType(e.Index); ok && e.Kind == wasm.KindFunction {
			x.Type = sig.String()
		}
		i.Exports = append(i.Exports, x)
	}
	i.MemoryBytes = int64(m.MemoryPages) * pageBytes
	i.Functions, i.BodyBytesMax, i.Globals = m.Stats.Functions, m.Stats.BodyBytesMax, len(m.Globals)
	i.Features = features(binary, m)
	i.Sections = map[string]int{}
	for _, s := range m.Sections {
		i.Sections[sections[s.ID]] += s.Whole.End - s.Whole.Start
	}
}

var kinds = map[byte]string{wasm.KindFunction: "function", wasm.KindTable: "table", wasm.KindMemory: "memory", wasm.KindGlobal: "global"}

var sections = map[wasm.SectionID]string{
	wasm.SectionCustom: "custom", wasm.SectionType: "type", wasm.SectionImport: "import", wasm.SectionFunction: "function",
	wasm.SectionTable: "table", wasm.SectionMemory: "memory", wasm.SectionGlobal: "global", wasm.SectionExport: "export",
	wasm.SectionElement: "element", wasm.SectionCode: "code", wasm.SectionData: "data", wasm.SectionDataCount: "data count",
}

// Ranges of opcodes that came after WebAssembly 1.0.
const (
	signExtensionFirst wasm.Opcode = 0xc0
	signExtensionLast  wasm.Opcode = 0xc4
)

// features are the additions to WebAssembly 1.0 that the code uses, ascending.
func features(binary []byte, m *wasm.Module) []string {
	used := map[string]bool{}
	for n, b := range m.Bodies {
		if len(m.OwnType(n).Results) > 1 {
			used["multi-value"] = true
		}
		for in := range b.Instructions(binary) {
			switch op := in.Op; {
			case op >= signExtensionFirst && op <= signExtensionLast:
				used["sign-extension"] = true
			case op >= wasm.OpTruncSat && op <= wasm.OpTruncSatEnd:
				used["saturating-conversion"] = true
			case op >= wasm.OpMemoryInit && op <= wasm.OpMemoryFill:
				used["bulk-memory"] = true
			case op >= wasm.OpRefNull && op <= wasm.OpRefFunc, op == wasm.OpTableGet, op == wasm.OpTableSize, op == wasm.OpSelectTyped:
				used["reference-types"] = true
			}
		}
	}
	var names []string
	for name := range used {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
