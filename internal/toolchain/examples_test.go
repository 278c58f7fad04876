package toolchain_test

import (
	"bytes"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/internal/toolchain"
)

// sdks are languages whose projects carry a copy of the guest library in their
// folder wraft: where that library lies, and where a project of it.
var sdks = map[string]struct {
	libraries       []string
	project, source string
}{
	"rust": {[]string{"../../sdk/rust"}, "../../sdk/rust/examples/counter", "src/lib.rs"},
	"c":    {[]string{"../../sdk/c"}, "../../sdk/c/examples/counter", "counter.c"},
	"cpp":  {[]string{"../../sdk/c", "../../sdk/cpp"}, "../../sdk/cpp/examples/counter", "counter.cpp"},
	"zig":  {[]string{"../../sdk/zig/wraft"}, "../../sdk/zig/examples/counter", "src/main.zig"},
}

// TestACopiedProjectGivesEqualBytes builds an example where it lies in the
// repository, and a copy of it with a copy of the library in another folder.
func TestACopiedProjectGivesEqualBytes(t *testing.T) {
	for name, sdk := range sdks {
		t.Run(name, func(t *testing.T) {
			tool, dir := found(t, name), t.TempDir()
			out := filepath.Join(dir, "out.wasm")
			var first []byte
			for _, folder := range []string{sdk.project, filepath.Join(dir, "else where", "[*] ü")} {
				if folder != sdk.project {
					carry(t, sdk.project, folder)
					for _, library := range sdk.libraries {
						carry(t, library, filepath.Join(folder, "wraft"))
					}
				}
				if err := tool.Build(t.Context(), folder, out); err != nil {
					t.Fatal(err)
				}
				built := read(t, out)
				if first == nil {
					first = built
				}
				if !bytes.Equal(built, first) {
					t.Errorf("%s: %d bytes, and %d that differ in the repository", folder, len(built), len(first))
				}
				if bytes.Contains(built, []byte(dir)) {
					t.Errorf("%s stands in the module", dir)
				}
			}
		})
	}
}

func TestAMistakeIsNamedWithItsLine(t *testing.T) {
	for name, sdk := range sdks {
		t.Run(name, func(t *testing.T) {
			tool, dir := found(t, name), t.TempDir()
			carry(t, sdk.project, dir)
			err := tool.Build(t.Context(), dir, filepath.Join(t.TempDir(), "out.wasm"))
			var failed *toolchain.BuildError
			if !errors.As(err, &failed) || !strings.Contains(failed.Output, "copy sdk/") {
				t.Errorf("without the library: %v", err)
			}
			for _, library := range sdk.libraries {
				carry(t, library, filepath.Join(dir, "wraft"))
			}
			source := filepath.Join(dir, sdk.source)
			if err := os.WriteFile(source, append([]byte("mistake mistake;\n"), read(t, source)...), 0o644); err != nil {
				t.Fatal(err)
			}
			err = tool.Build(t.Context(), dir, filepath.Join(t.TempDir(), "out.wasm"))
			if !errors.As(err, &failed) || failed.Language != name || !strings.Contains(failed.Output, filepath.Base(sdk.source)+":1") {
				t.Errorf("with a mistake in line 1: %v", err)
			}
		})
	}
}

func TestExamplesTellTheirLanguage(t *testing.T) {
	for name, sdk := range sdks {
		if got, err := toolchain.Detect(sdk.project); err != nil || got != name {
			t.Errorf("%s is a project of %q, %v", sdk.project, got, err)
		}
	}
}

func found(t *testing.T, name string) *toolchain.Toolchain {
	t.Helper()
	tool, err := toolchain.Find(name)
	if err != nil {
		t.Skip(err)
	}
	return tool
}

// carry copies the files of a folder, and leaves those alone that are there.
func carry(t *testing.T, from, to string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(from), ".", func(name string, d fs.DirEntry, err error) error {
		target := filepath.Join(to, name)
		if err != nil || d.IsDir() {
			return cmp.Or(err, os.MkdirAll(target, 0o755))
		}
		if _, err := os.Stat(target); err == nil {
			return nil
		}
		return os.WriteFile(target, read(t, filepath.Join(from, name)), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
