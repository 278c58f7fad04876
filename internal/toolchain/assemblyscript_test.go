package toolchain_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
)

// assemblyScript finds the compiler, or skips the test.
func assemblyScript(t *testing.T) *toolchain.Toolchain {
	t.Helper()
	tool, err := toolchain.Find("assemblyscript")
	var missing *toolchain.MissingError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// write makes files below a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAssemblyScriptRefusalNamesTheLine(t *testing.T) {
	tool, dir := assemblyScript(t), t.TempDir()
	write(t, dir, map[string]string{
		"asconfig.json": `{"entries": ["index.ts"]}`,
		"index.ts":      "export function answer(): i32 {\n  return \"forty-two\";\n}\n",
	})
	t.Setenv("CI", "true") // colours the compiler's messages unless it is told not to
	err := tool.Build(t.Context(), dir, filepath.Join(dir, "out.wasm"))
	var failed *toolchain.BuildError
	if !errors.As(err, &failed) || failed.Language != "assemblyscript" || !strings.Contains(failed.Output, "in index.ts(2,10)") || strings.Contains(failed.Output, "\x1b") {
		t.Errorf("got %v, want a build error that names index.ts(2,10)", err)
	}
}

func TestAnotherReleaseOfAssemblyScriptIsAMissingOne(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"node": "#!/bin/sh\necho Version 0.27.30\n",
		"node_modules/" + "assemblyscript/bin/asc.js": "",
	})
	t.Setenv("PATH", dir)
	t.Chdir(dir)
	_, err := toolchain.Find("assemblyscript")
	var missing *toolchain.MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "0.27.30") {
		t.Errorf("got %v, want a missing compiler because 0.27.30 is another release", err)
	}
}

// TestTheProjectsOwnCompilerComesFirst puts one into a folder above the working
// directory and another where .ci/toolchains would.
func TestTheProjectsOwnCompilerComesFirst(t *testing.T) {
	dir, installed := t.TempDir(), t.TempDir()
	const script = "assemblyscript/bin/asc.js"
	write(t, dir, map[string]string{
		"bin/node":                   "#!/bin/sh\nexec /bin/sh \"$@\"\n",
		"node_modules/" + script:     "echo Version 0.28.1",
		"project/assembly/index.txt": "",
	})
	write(t, installed, map[string]string{"assemblyscript/node_modules/" + script: "echo Version 0.28.2"})
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	t.Setenv("WRAFT_TOOLCHAINS", installed)
	for folder, want := range map[string]string{
		filepath.Join(dir, "project", "assembly"): "assemblyscript-0.28.1",
		installed: "assemblyscript-0.28.2",
	} {
		t.Chdir(folder)
		tool, err := toolchain.Find("assemblyscript")
		if err != nil || tool.Version != want {
			t.Errorf("in %s: %v, %v, want %s", folder, tool, err, want)
		}
	}
}
