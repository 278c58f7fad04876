package wasmtest_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"text/template"

	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/sdk"
)

// sdkAssemblyScript is the folder of the SDK, seen from here.
const sdkAssemblyScript = "../../sdk/assemblyscript"

// compiler finds a compiler, or skips the test.
func compiler(t *testing.T, language string) *toolchain.Toolchain {
	t.Helper()
	tool, err := toolchain.Find(language)
	var missing *toolchain.MissingError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// nodeTests runs the tests of a folder against a module.
func nodeTests(t *testing.T, dir string, module []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(file, module, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "--test", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WRAFT_MODULE="+file, "NODE_OPTIONS=")
	text, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(text, []byte("\n# fail 0\n")) || bytes.Contains(text, []byte("\n# pass 0\n")) {
		t.Errorf("node --test in %s: %v\n%s", dir, err, text)
	}
}

func TestAssemblyScriptExamplesPassTheirTests(t *testing.T) {
	for _, name := range wasmtest.Machines {
		t.Run(name, func(t *testing.T) {
			nodeTests(t, filepath.Join(sdkAssemblyScript, "examples", name, "tests"), wasmtest.Example(t, "assemblyscript", name))
		})
	}
}

func TestAssemblyScriptLibraryPassesItsTests(t *testing.T) {
	module := build(t, compiler(t, "assemblyscript"), filepath.Join(sdkAssemblyScript, "tests", "guest"))
	nodeTests(t, filepath.Join(sdkAssemblyScript, "tests"), module)
}

// TestAssemblyScriptTemplate builds a new project in two folders: the modules are
// the same, and its tests pass.
func TestAssemblyScriptTemplate(t *testing.T) {
	tool := compiler(t, "assemblyscript")
	here := newProject(t, "assemblyscript")
	first := build(t, tool, here)
	second := first
	if !testing.Short() {
		second = build(t, tool, newProject(t, "assemblyscript"))
	}
	if !bytes.Equal(first, second) || bytes.Contains(first, []byte(here)) {
		t.Errorf("the same project gave %d and %d bytes that differ, or that tell the folder", len(first), len(second))
	}
	nodeTests(t, filepath.Join(here, "tests"), first)
}

// build compiles a project.
func build(t *testing.T, tool *toolchain.Toolchain, dir string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "module.wasm")
	if err := tool.Build(t.Context(), dir, out); err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// newProject writes a project as `wraftd plugin new` does.
func newProject(t *testing.T, language string) string {
	t.Helper()
	dir := t.TempDir()
	kit, ok := sdk.Find(language)
	if !ok {
		t.Fatalf("there is no kit for %s", language)
	}
	for _, library := range kit.Library {
		if err := os.CopyFS(filepath.Join(dir, sdk.LibraryDir), library); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(dir, kit.Template); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(kit.Template, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return execute(filepath.Join(dir, name))
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// execute puts a name into a file of a template.
func execute(file string) error {
	parsed, err := template.ParseFiles(file)
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(parsed.Execute(out, struct{ Name string }{"tally"}), out.Close())
}
