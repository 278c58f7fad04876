package wasmtest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/internal/wasmtest"
)

// zigTests runs the native tests of a project, or of the library.
func zigTests(t *testing.T, tool *toolchain.Toolchain, dir string, arguments ...string) {
	t.Helper()
	cmd := exec.Command(tool.Program, append([]string{"test", "--cache-dir", t.TempDir()}, arguments...)...)
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(text, []byte("tests passed.")) {
		t.Errorf("zig test in %s: %v\n%s", dir, err, text)
	}
}

func TestZigLibraryAndExamplesPassTheirTests(t *testing.T) {
	tool := compiler(t, "zig")
	zigTests(t, tool, "../../sdk/zig/wraft", "wraft.zig")
	for _, name := range wasmtest.Machines {
		zigTests(t, tool, filepath.Join("../../sdk/zig/examples", name), "--dep", "wraft", "-Mroot=src/main.zig", "-Mwraft=../../wraft/wraft.zig")
	}
}

// TestZigTemplate builds a new project in two folders: the modules are the same, and
// its tests pass.
func TestZigTemplate(t *testing.T) {
	tool := compiler(t, "zig")
	here, there := newProject(t, "zig"), newProject(t, "zig")
	first, second := build(t, tool, here), build(t, tool, there)
	if !bytes.Equal(first, second) || bytes.Contains(first, []byte(here)) {
		t.Errorf("the same project gave %d and %d bytes that differ, or that tell the folder", len(first), len(second))
	}
	zigTests(t, tool, here, "--dep", "wraft", "-Mroot=src/main.zig", "-Mwraft=wraft/wraft.zig")
	if _, err := os.Stat(filepath.Join(here, ".zig-cache")); !os.IsNotExist(err) {
		t.Errorf("a build leaves its cache in the project: %v", err)
	}
}
