package wasm_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins/wasm"
)

// body is a machine whose apply has the given code.
func body(code ...byte) []byte { return wasmtest.NewMachine(code).Bytes() }

// with is an honest machine with items added to one section.
func with(section byte, items ...[]byte) []byte {
	b := wasmtest.NewMachine(wasmtest.Unreachable)
	for _, item := range items {
		b.Item(section, item)
	}
	return b.Bytes()
}

// nested is n blocks inside each other, opened by the given opcodes.
func nested(n int, open ...byte) []byte {
	code := bytes.Repeat(open, n)
	code = append(code, bytes.Repeat([]byte{0x0b}, n)...)
	return body(append(code, 0x00)...)
}

// wide is n empty blocks one after the other.
func wide(n int) []byte {
	return body(append(bytes.Repeat([]byte{0x02, 0x40, 0x0b}, n), 0x00)...)
}

// many is a machine with n functions of the given body's code.
func many(n int, like []byte) []byte {
	m, err := wasm.Read(like, wasm.Limits{})
	if err != nil {
		panic(err)
	}
	code := m.Bodies[0].Code
	b := wasmtest.NewMachine(wasmtest.Unreachable)
	for range n {
		b.Function("", "", "", like[code.Start:code.End-1])
	}
	return b.Bytes()
}

// branchTable is a br_table of n targets that all leave one block.
func branchTable(n int) []byte {
	code := append([]byte{0x02, 0x40, 0x41, 0, 0x0e}, wasmtest.Unsigned(uint64(n))...)
	code = append(code, make([]byte, n+1)...)
	return body(append(code, 0x0b, 0x00)...)
}

// locals is a function with n locals of type i64.
func locals(n uint64) []byte {
	b := wasmtest.NewMachine(wasmtest.Unreachable)
	code := append(append([]byte{1}, wasmtest.Unsigned(n)...), 0x7e, 0x0b)
	b.Item(3, wasmtest.Unsigned(uint64(b.Type("", ""))))
	b.Item(10, append(wasmtest.Unsigned(uint64(len(code))), code...))
	return b.Bytes()
}

func raw(parts ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), bytes.Join(parts, nil)...)
}

// refusal is a binary and what must be said of it.
type refusal struct {
	binary []byte
	rule   wasm.Rule
	says   string
}

// strangers are files that are no module, or not all of one.
var strangers = map[string]refusal{
	"empty file":  {nil, wasm.RuleNotWasm, "the file is empty"},
	"text":        {[]byte("hello, world"), wasm.RuleNotWasm, "did you pass the source?"},
	"long text":   {[]byte(strings.Repeat("ü", 400)), wasm.RuleNotWasm, "did you pass the source?"},
	"wat":         {[]byte(" (module (func))"), wasm.RuleNotWasm, "assemble it first"},
	"native":      {[]byte("\x7fELF\x02\x01\x01\x00"), wasm.RuleNotWasm, "native program"},
	"compressed":  {[]byte("\x1f\x8b\x08\x00\x00"), wasm.RuleNotWasm, "compressed"},
	"noise":       {[]byte{0xde, 0xad, 0xbe, 0xef, 0}, wasm.RuleNotWasm, "does not start with"},
	"component":   {[]byte("\x00asm\x0d\x00\x01\x00"), wasm.RuleNotWasm, "component"},
	"version":     {[]byte("\x00asm\x02\x00\x00\x00"), wasm.RuleNotWasm, "version 02 00 00 00"},
	"header cut":  {[]byte("\x00asm\x01"), wasm.RuleTruncated, "the header"},
	"section cut": {raw([]byte{1, 100, 0}), wasm.RuleTruncated, "section 1"},
	"no code":     {raw([]byte{1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0}), wasm.RuleTruncated, "no code"},
	"data count":  {with(12, []byte{3}), wasm.RuleTruncated, "announced"},
}

// malformed are modules that break the format, or rules of their own.
var malformed = map[string]refusal{
	"section unknown": {raw([]byte{14, 0}), wasm.RuleMalformed, "section 14"},
	"section twice":   {raw([]byte{1, 1, 0, 1, 1, 0}), wasm.RuleMalformed, "repeated"},
	"section order":   {raw([]byte{3, 1, 0, 1, 1, 0}), wasm.RuleMalformed, "out of order"},
	"section padding": {raw([]byte{1, 2, 0, 0}), wasm.RuleMalformed, "1 bytes too many"},
	"section overrun": {raw([]byte{1, 1, 5, 0, 0, 0, 0, 0, 0}), wasm.RuleMalformed, "runs over"},
	"long number":     {raw([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0}), wasm.RuleMalformed, "longer than 32 bits"},
	"start":           {with(8, []byte{0}), wasm.RuleStart, "start function"},
	"bad type":        {with(3, []byte{99}), wasm.RuleMalformed, "type 99"},
	"bodies missing":  {with(3, []byte{0}), wasm.RuleMalformed, "function bodies for"},
	"memory import":   {with(2, []byte{1, 'm', 1, 'n', 2, 0, 1}), wasm.RuleImport, "m.n is not a function"},
	"global type":     {with(6, []byte{0x7e, 0, 0x41, 0, 0x0b}), wasm.RuleMalformed, "type i32 where i64"},
	"export twice":    {with(7, []byte{6, 'm', 'e', 'm', 'o', 'r', 'y', 2, 0}), wasm.RuleMalformed, "twice"},
	"export utf8":     {with(7, []byte{1, 0xff, 2, 0}), wasm.RuleMalformed, "UTF-8"},
	"element table":   {with(9, []byte{0, 0x41, 0, 0x0b, 1, 0}), wasm.RuleMalformed, "table 0 does not exist"},
	"data overrun":    {with(11, []byte{0, 0x41, 0xff, 0xff, 3, 0x0b, 2, 0, 0}), wasm.RuleMalformed, "overruns the memory"},
	"unknown opcode":  {body(0x27), wasm.RuleMalformed, "0x27"},
	"unknown prefix":  {body(0xfc, 200, 1), wasm.RuleMalformed, "0xfc 200"},
	"block type":      {body(0x02, 0x20), wasm.RuleMalformed, "type 32"},
	"body after end":  {body(0x0b, 0x01), wasm.RuleMalformed, "after its end"},
	"body without":    {wasmtestBodyWithoutEnd(), wasm.RuleMalformed, "runs over"},
	"br_table label":  {body(0x41, 0, 0x0e, 0, 7), wasm.RuleMalformed, "label 7 does not exist"},
	"custom section":  {raw([]byte{0, 2, 1, 0xff}), wasm.RuleMalformed, "UTF-8"},
}

// beyond are indexes of what the pass adds: the first that the module itself
// does not have.
var beyond = map[string]refusal{
	"global.get":      {body(0x23, 0), wasm.RuleMalformed, "global 0 does not exist"},
	"global.set":      {body(0x42, 0, 0x24, 0), wasm.RuleMalformed, "global 0 does not exist"},
	"local.get":       {body(0x20, 2), wasm.RuleMalformed, "local 2 does not exist"},
	"local.set":       {body(0x21, 2), wasm.RuleMalformed, "local 2 does not exist"},
	"local.tee":       {body(0x22, 2), wasm.RuleMalformed, "local 2 does not exist"},
	"br":              {body(0x0c, 1), wasm.RuleMalformed, "label 1 does not exist"},
	"br_if":           {body(0x41, 0, 0x0d, 1), wasm.RuleMalformed, "label 1 does not exist"},
	"br in a block":   {body(0x02, 0x40, 0x0c, 2, 0x0b), wasm.RuleMalformed, "label 2 does not exist"},
	"data.drop":       {body(0xfc, 9, 0), wasm.RuleMalformed, "data segment 0 does not exist"},
	"memory.init":     {body(0xfc, 8, 0, 0), wasm.RuleMalformed, "data segment 0 does not exist"},
	"global export":   {with(7, []byte{1, 'g', 3, 0}), wasm.RuleMalformed, "global 0 does not exist"},
	"function export": {with(7, []byte{1, 'g', 0, 5}), wasm.RuleMalformed, "function 5 does not exist"},
	"memory export":   {with(7, []byte{1, 'g', 2, 1}), wasm.RuleMalformed, "memory 1 does not exist"},
	"table export":    {with(7, []byte{1, 'g', 1, 0}), wasm.RuleMalformed, "table 0 does not exist"},
	"unknown export":  {with(7, []byte{1, 'g', 9, 0}), wasm.RuleMalformed, "unknown kind 9"},
}

// features are what newer toolchains emit and wraft does not run.
var features = map[string]refusal{
	"tag":             {with(13, []byte{0, 0}), wasm.RuleFeature, "exceptions"},
	"gc type":         {with(1, []byte{0x5f, 0}), wasm.RuleFeature, "function type"},
	"simd global":     {with(6, []byte{0x7b, 0, 0x41, 0, 0x0b}), wasm.RuleFeature, "-mno-simd128"},
	"funcref global":  {with(6, []byte{0x70, 1, 0xd0, 0x70, 0x0b}), wasm.RuleTable, "holds a reference"},
	"global get":      {with(6, []byte{0x7f, 0, 0x23, 0, 0x0b}), wasm.RuleFeature, "imported globals"},
	"extended const":  {with(6, []byte{0x7f, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b}), wasm.RuleFeature, "several instructions"},
	"passive element": {with(9, []byte{1, 0, 0}), wasm.RuleTable, "passive"},
	"threads":         {body(0xfe, 0x03, 0), wasm.RuleFeature, "-mno-atomics"},
	"simd":            {body(0xfd, 0x0c), wasm.RuleFeature, "-C target-feature=-simd128"},
	"tail call":       {body(0x12, 0), wasm.RuleFeature, "tail calls"},
	"exception":       {body(0x08, 0), wasm.RuleFeature, "-fno-exceptions"},
	"try_table":       {body(0x1f, 0x40, 0), wasm.RuleFeature, "exceptions"},
	"gc":              {body(0xfb, 0), wasm.RuleFeature, "garbage collection"},
	"table.set":       {body(0x26, 0), wasm.RuleTable, "table.set"},
	"table.grow":      {body(0xfc, 15, 0), wasm.RuleTable, "table.grow"},
	"table.init":      {body(0xfc, 12, 0, 0), wasm.RuleTable, "table.init"},
	"table.copy":      {body(0xfc, 14, 0, 0), wasm.RuleTable, "table.copy"},
	"table.fill":      {body(0xfc, 17, 0), wasm.RuleTable, "table.fill"},
	"elem.drop":       {body(0xfc, 13, 0), wasm.RuleTable, "elem.drop"},
}

// bombs are small modules that would cost much.
var bombs = map[string]refusal{
	"huge vector":  {raw([]byte{1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f}), wasm.RuleLimit, "typesMax"},
	"two memories": {with(5, []byte{0, 1}), wasm.RuleLimit, "memories"},
	"large table":  {with(4, append([]byte{0x70, 0}, wasmtest.Unsigned(2<<20)...)), wasm.RuleLimit, "tableElementsMax"},
	"nesting":      {nested(6000, 0x02, 0x40), wasm.RuleLimit, "nestingMax"},
	"wide":         {wide(20_000), wasm.RuleLimit, "costBodyMax"},
	"loops":        {nested(4500, 0x03, 0x40), wasm.RuleLimit, "costBodyMax"},
	"br_table":     {branchTable(50_000), wasm.RuleLimit, "brTargetsMax"},
	"targets":      {branchTable(39_000), wasm.RuleLimit, "costBodyMax"},
	"loads":        {body(bytes.Repeat([]byte{0x41, 0, 0x28, 0, 0, 0x1a}, 40_000)...), wasm.RuleLimit, "compileBytesMax"},
	"calls":        {body(bytes.Repeat([]byte{0x10, 1}, 120_000)...), wasm.RuleLimit, "compileBytesMax"},
	"nops":         {body(bytes.Repeat([]byte{0x01}, 3<<20)...), wasm.RuleLimit, "compileBytesMax"},
	"in all":       {many(100, wide(2_000)), wasm.RuleLimit, "costTotalMax"},
	"locals":       {locals(1 << 31), wasm.RuleLimit, "localsMax"},
}

func TestRefusals(t *testing.T) {
	for _, cases := range []map[string]refusal{strangers, malformed, beyond, features, bombs} {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) { checkRefusal(t, c) })
		}
	}
}

func checkRefusal(t *testing.T, c refusal) {
	_, err := wasm.Read(c.binary, wasm.Limits{})
	var r *wasm.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v", err)
	}
	if r.Rule != c.rule || !strings.Contains(r.Error(), c.says) {
		t.Errorf("rule %s, want %s about %q: %v", r.Rule, c.rule, c.says, r)
	}
	if r.Offset < 0 || r.Offset > len(c.binary) {
		t.Errorf("offset %d of %d bytes", r.Offset, len(c.binary))
	}
}

// wasmtestBodyWithoutEnd has a block that swallows the end of its body.
func wasmtestBodyWithoutEnd() []byte { return body(0x02, 0x40) }

func TestRefusalNamesFunctionAndOffset(t *testing.T) {
	b := wasmtest.NewBuilder()
	b.Import("wraft", "now", "", "I")
	b.Function("", "", "")
	b.Function("", "", "", []byte{0x01, 0xfd, 0x0c})
	binary := b.Bytes()
	_, err := wasm.Read(binary, wasm.Limits{})
	var r *wasm.Refusal
	if !errors.As(err, &r) {
		t.Fatal(err)
	}
	if r.Function != 2 || binary[r.Offset] != 0xfd {
		t.Errorf("function %d, offset %d (%#x): %v", r.Function, r.Offset, binary[r.Offset], r)
	}
}

func TestModuleTooLarge(t *testing.T) {
	_, err := wasm.Read(make([]byte, 1001), wasm.Limits{ModuleBytesMax: 1000})
	var r *wasm.Refusal
	if !errors.As(err, &r) || r.Rule != wasm.RuleLimit || !strings.Contains(r.Error(), "1001") {
		t.Errorf("got %v", err)
	}
}

func TestHonestShapesPass(t *testing.T) {
	for name, binary := range map[string][]byte{
		"nesting":    nested(1000, 0x02, 0x40),
		"wide":       wide(5000),
		"br_table":   branchTable(5000),
		"locals":     locals(5000),
		"bulk":       body(0xfc, 11, 0, 0xfc, 10, 0, 0, 0xfc, 3),
		"sign":       body(0xc0, 0xc4, 0x1c, 1, 0x7f, 0xd0, 0x70, 0xd1),
		"declared":   with(9, []byte{3, 0, 1, 0}),
		"custom":     append(body(0x00), 0, 5, 4, 'n', 'a', 'm', 'e'),
		"data count": append([]byte(nil), withData()...),
	} {
		if _, err := wasm.Read(binary, wasm.Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func withData() []byte {
	b := wasmtest.NewMachine([]byte{0xfc, 9, 0}, wasmtest.Unreachable)
	b.Item(12, []byte{1})
	b.Data(16, []byte("data"))
	return b.Bytes()
}

func TestTableOfContents(t *testing.T) {
	binary := withData()
	m, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var ops []wasm.Opcode
	for in := range m.Bodies[0].Instructions(binary) {
		ops = append(ops, in.Op)
		if in.Op == wasm.OpDataDrop && !bytes.Equal(binary[in.Span.Start:in.Span.End], []byte{0xfc, 9, 0}) {
			t.Errorf("data.drop at %v", in.Span)
		}
	}
	if want := []wasm.Opcode{wasm.OpDataDrop, wasm.OpUnreachable, wasm.OpEnd}; !slices.Equal(ops, want) {
		t.Errorf("instructions %v, want %v", ops, want)
	}
	e, ok := m.Export("wraft_apply")
	sig, known := m.FunctionType(e.Index)
	if !ok || !known || sig.String() != "(i32, i32) -> i64" {
		t.Errorf("apply is %v, %s", ok, sig)
	}
	if _, known := m.FunctionType(1000); known {
		t.Error("function 1000 has a type")
	}
	if _, ok := m.Export("nothing"); ok {
		t.Error("an export that isn't there was found")
	}
	if m.MemoryPages != 1 {
		t.Errorf("%d pages", m.MemoryPages)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(withData())
	f.Add(branchTable(10))
	f.Add(locals(3))
	f.Add(with(9, []byte{3, 0, 1, 0}))
	f.Fuzz(func(t *testing.T, binary []byte) {
		m, err := wasm.Read(binary, wasm.Limits{})
		var r *wasm.Refusal
		switch {
		case err == nil:
			for _, s := range m.Sections {
				if s.Whole.Start > s.Body.Start || s.Body.Start > s.Body.End || s.Whole.End > len(binary) {
					t.Fatalf("section %+v of %d bytes", s, len(binary))
				}
			}
		case !errors.As(err, &r) || r.What == "" || r.Offset < 0 || r.Offset > len(binary):
			t.Fatalf("refusal %#v", err)
		}
	})
}

// TestHonestCodeIsFarFromTheLimits holds the limits on compiling against what a
// toolchain makes.
func TestHonestCodeIsFarFromTheLimits(t *testing.T) {
	binary := wasmtest.KV(t)
	m, err := wasm.Read(binary, wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var code int64
	for _, s := range m.Sections {
		if s.ID == wasm.SectionCode {
			code = int64(s.Body.End - s.Body.Start)
		}
	}
	const perByte, bodyMax, bytesMax = 400, 100_000_000, 128 << 20 // see cost.go and volume.go
	s := m.Stats
	if s.CompileCost*2 > perByte*code || s.CompileCostBody*8 > bodyMax || s.CompileBytesMax*4 > bytesMax {
		t.Errorf("%d bytes of code: %+v", code, s)
	}
	if s.CompileCost == 0 || s.CompileBytesMax == 0 {
		t.Error("nothing was estimated")
	}
}
