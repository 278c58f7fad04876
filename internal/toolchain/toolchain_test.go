package toolchain_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
)

// project writes a Go library with one export, and returns its folder.
func project(t *testing.T, dir, body string) string {
	t.Helper()
	for name, text := range map[string]string{
		"go.mod":  "module example.com/guest\n\ngo 1.26\n",
		"main.go": "package main\n\n//go:wasmexport answer\nfunc answer() int32 { " + body + " }\n\nfunc main() {}\n",
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func goToolchain(t *testing.T) *toolchain.Toolchain {
	t.Helper()
	tool, err := toolchain.Find("go")
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// TestEqualSourceGivesEqualBytes builds in two folders, with settings of the user
// around the second that would change the module if they came through.
func TestEqualSourceGivesEqualBytes(t *testing.T) {
	tool, dir := goToolchain(t), t.TempDir()
	first, second := filepath.Join(dir, "first.wasm"), filepath.Join(dir, "deep", "second.wasm")
	if err := tool.Build(t.Context(), project(t, filepath.Join(dir, "here"), "return 42"), first); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "-tags=other -ldflags=-X=main.x=y")
	t.Setenv("GOOS", "plan9")
	t.Setenv("GOWORK", filepath.Join(dir, "go.work"))
	if err := tool.Build(t.Context(), project(t, filepath.Join(dir, "else", "where"), "return 42"), second); err != nil {
		t.Fatal(err)
	}
	a, b := read(t, first), read(t, second)
	if !bytes.HasPrefix(a, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Errorf("%s is not a WebAssembly module", first)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("the same source gave %d and %d bytes that differ", len(a), len(b))
	}
	if bytes.Contains(a, []byte(dir)) {
		t.Error("the folder of the project stands in the module")
	}
}

func TestARefusedProjectLeavesTheFormerModule(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "guest.wasm")
	if err := os.WriteFile(out, []byte("former"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := goToolchain(t).Build(t.Context(), project(t, filepath.Join(dir, "src"), `return "forty-two"`), out)
	var failed *toolchain.BuildError
	if !errors.As(err, &failed) || failed.Language != "go" || !strings.Contains(failed.Output, "main.go:4") {
		t.Errorf("got %v, want a build error of go that names main.go:4", err)
	}
	if string(read(t, out)) != "former" {
		t.Error("a failed build changed the module")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".build-*")); len(left) > 0 {
		t.Errorf("a failed build left %v", left)
	}
}

func TestABuildEndsWithItsContext(t *testing.T) {
	tool, dir := goToolchain(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tool.Build(ctx, project(t, dir, "return 1"), filepath.Join(dir, "out.wasm")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestWhatIsMissingSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("WRAFT_TOOLCHAINS", t.TempDir())
	for _, name := range toolchain.Languages() {
		_, err := toolchain.Find(name)
		var missing *toolchain.MissingError
		if !errors.As(err, &missing) || missing.Language != name || !strings.Contains(err.Error(), "; install "+missing.Install) {
			t.Errorf("%s without a compiler in PATH: %v", name, err)
		}
	}
}

func TestAnOldCompilerIsAMissingOne(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho go version go1.25.9 linux/amd64\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	_, err := toolchain.Find("go")
	var missing *toolchain.MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "go1.25.9") {
		t.Errorf("got %v, want a missing compiler because go1.25.9 is too old", err)
	}
}

func TestAnUnknownLanguageNamesTheKnownOnes(t *testing.T) {
	_, err := toolchain.Find("cobol")
	var unknown *toolchain.UnknownError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), strings.Join(toolchain.Languages(), ", ")) {
		t.Errorf("got %v", err)
	}
}

func TestGoHasAVersion(t *testing.T) {
	if v := goToolchain(t).Version; !strings.HasPrefix(v, "go1.") || strings.ContainsAny(v, " \n") {
		t.Errorf("version %q", v)
	}
	if !slices.Contains(toolchain.Languages(), "go") {
		t.Error("go is not among the languages")
	}
}

func TestTheProjectTellsItsLanguage(t *testing.T) {
	dir := t.TempDir()
	if _, err := toolchain.Detect(dir); err == nil {
		t.Error("an empty folder has a language")
	}
	if name, err := toolchain.Detect(project(t, filepath.Join(dir, "a[b]*"), "return 1")); err != nil || name != "go" {
		t.Errorf("a folder with go.mod is a project of %q, %v", name, err)
	}
	for name, folder := range map[string]string{
		"go": "../../examples/wasm-counter", "assemblyscript": "../../sdk/assemblyscript/examples/counter", "zig": "../../sdk/zig/examples/kv",
	} {
		if got, err := toolchain.Detect(folder); err != nil || got != name {
			t.Errorf("%s is a project of %q, %v; want %s", folder, got, err, name)
		}
	}
}

// TestEveryLanguageIsDocumented: docs/ABI.md has a row for each, with its library, and why what is refused is.
func TestEveryLanguageIsDocumented(t *testing.T) {
	text := read(t, filepath.Join("..", "..", "docs", "ABI.md"))
	for _, name := range toolchain.Known() {
		if row := regexp.MustCompile(`(?m)^\| [^|]+ \| .sdk/` + name + `. \|( [^|]+ \|){4}$`); !row.Match(text) {
			t.Errorf("docs/ABI.md has no row for %s", name)
		}
	}
}
