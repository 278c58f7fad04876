package instrument_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/plugins/abi"
	"github.com/wraft/wraft/plugins/instrument"
)

// TestTheDocumentedVersionsAreThese: docs/ABI.md describes what runs, or an author counts
// with another fuel than the host.
func TestTheDocumentedVersionsAreThese(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "ABI.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(page)), " ")
	for _, want := range []string{
		fmt.Sprintf("# The guest ABI, version %d ", abi.Version),
		fmt.Sprintf("(`plugins/instrument`, version %d)", instrument.Version),
		fmt.Sprintf("version %d of the host's semantics (`abi.HostVersion`)", abi.HostVersion),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("docs/ABI.md does not say %q", want)
		}
	}
}
