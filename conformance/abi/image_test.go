package abi_test

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/internal/wasmtest"
)

// TestStateOutsideOfImagesIsFound plants a fault in a host: one whose rewriting pass
// leaves data.drop in. That a segment was dropped is state which no image holds.
func TestStateOutsideOfImagesIsFound(t *testing.T) {
	// As long as data.drop 0, and nothing else of the artefact looks like it.
	blank := wasmtest.Join(wasmtest.I32Const(53), wasmtest.Drop)
	machine := wasmtest.NewMachine(
		wasmtest.I32Const(16), wasmtest.I32Const(0), wasmtest.I32Const(1), []byte{0xfc, 8, 0, 0}, // memory.init 0
		blank, wasmtest.Answer(wasmtest.OutputAt, 8)) // one result, of zeros
	machine.Item(12, []byte{1}) // one segment,
	machine.Item(11, []byte{1, 1, 'x'})
	honest, err := shared.Compile(t.Context(), machine.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := abi.RunLoaded(t.Context(), shared, honest, "image", quick)
	if err != nil || got.Failure != nil || !strings.Contains(got.Detail, "entries=") {
		t.Errorf("a machine on an honest host: %+v %v", got, err)
	}
	artefact := honest.Artefact().Binary
	if n := bytes.Count(artefact, blank); n != 1 {
		t.Fatalf("%d places for the fault in the artefact", n)
	}
	faulty, err := shared.Load(t.Context(), sealed(bytes.Replace(artefact, blank, []byte{0xfc, 9, 0}, 1))) // data.drop 0
	if err != nil {
		t.Fatal(err)
	}
	got, err = abi.RunLoaded(t.Context(), shared, faulty, "image", quick)
	if err != nil || got.Failure == nil || !strings.Contains(got.Failure.Saw, "differs at entry 1 of ") {
		t.Errorf("a machine whose state is not all in its images: %+v %v", got, err)
	}
}

// sealed is an artefact with the checksum of its bytes, which lies where docs/FORMAT.md
// says.
func sealed(artefact []byte) []byte {
	const at, end = 66, 98
	h := sha256.New()
	h.Write(artefact[:at])
	h.Write(artefact[end:])
	copy(artefact[at:end], h.Sum(nil))
	return artefact
}
