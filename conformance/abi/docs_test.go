package abi_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/scenario"
)

// document is docs/ABI.md.
func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "ABI.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheDocumentedMachineRuns takes the machine that docs/ABI.md shows whole, and
// puts it through the kit.
func TestTheDocumentedMachineRuns(t *testing.T) {
	block := regexp.MustCompile("(?s)```wasm\n(.*?)```").FindStringSubmatch(document(t))
	if block == nil {
		t.Fatal("docs/ABI.md shows no assembled machine")
	}
	binary, err := hex.DecodeString(strings.Join(strings.Fields(block[1]), ""))
	if err != nil {
		t.Fatal(err)
	}
	f, err := scenario.Parse("docs", []byte("call x\nwant hex: 01 00 00 00 00 00 00 00\nalso \"\"\nwant hex: 02 00 00 00 00 00 00 00\nexport hex: 02 00 00 00 00 00 00 00\n"))
	if err != nil {
		t.Fatal(err)
	}
	if r := report(t, abi.Subject{Binary: binary, Scenarios: []*scenario.File{f}}); !r.OK() {
		t.Errorf("the machine of docs/ABI.md:\n%s", r)
	}
}

// TestTheDocumentedScenarioIsOne reads the scenario that docs/ABI.md shows.
func TestTheDocumentedScenarioIsOne(t *testing.T) {
	block := regexp.MustCompile("(?s)in this form\\..*?```\n(.*?)```").FindStringSubmatch(document(t))
	if block == nil {
		t.Fatal("docs/ABI.md shows no scenario")
	}
	if f, err := scenario.Parse("docs", []byte(block[1])); err != nil || len(f.Steps) == 0 {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestEveryCheckIsDocumented keeps the table of docs/ABI.md in step.
func TestEveryCheckIsDocumented(t *testing.T) {
	text := document(t)
	for _, c := range abi.Checks() {
		if row := "\n| " + c.Name + " | " + c.Why + " |\n"; !strings.Contains(text, row) {
			t.Errorf("docs/ABI.md lacks the row %q", strings.TrimSpace(row))
		}
	}
}
