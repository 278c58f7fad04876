package sdk_test

import (
	"archive/zip"
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/sdk"
)

var update = flag.Bool("update", false, "write go.zip anew")

// goFiles are the files of sdk/go by their names in the archive: the library
// without its own tests, and the template.
func goFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS("go"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inTemplate := strings.HasPrefix(name, "template/")
		if !inTemplate && (path.Dir(name) != "." || strings.HasSuffix(name, "_test.go") || !slices.Contains([]string{".go", ".mod", ".md"}, path.Ext(name))) {
			return nil
		}
		text, err := os.ReadFile(filepath.Join("go", name))
		if !inTemplate {
			name = "library/" + name
		}
		files[name] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// archive packs files in order, uncompressed and without times, so that equal
// files are equal bytes whatever writes them.
func archive(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestTheArchiveIsTheFolder compares what is carried with what it was made of.
func TestTheArchiveIsTheFolder(t *testing.T) {
	files := goFiles(t)
	if len(files) < 10 {
		t.Fatalf("only %d files in sdk/go", len(files))
	}
	want := archive(t, files)
	if *update {
		if err := os.WriteFile("go.zip", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile("go.zip")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("sdk/go.zip is not sdk/go any more: run go test ./sdk -update")
	}
}

// TestEveryKitHasFiles opens what is carried.
func TestEveryKitHasFiles(t *testing.T) {
	if len(sdk.Languages()) == 0 {
		t.Fatal("there is no kit")
	}
	for _, language := range sdk.Languages() {
		kit, ok := sdk.Find(language)
		if !ok {
			t.Fatalf("%s is listed and not found", language)
		}
		for _, tree := range append(slices.Clone(kit.Library), kit.Template) {
			if n := count(t, tree); n < 2 {
				t.Errorf("%s: a tree of %d files", language, n)
			}
		}
	}
	if _, ok := sdk.Find("cobol"); ok {
		t.Error("there is a kit for cobol")
	}
	if !bytes.Contains(sdk.Scenario(), []byte("call incr")) {
		t.Error("the scenario calls nothing")
	}
}

func count(t *testing.T, tree fs.FS) (n int) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheLicenseIsTheProjects(t *testing.T) {
	root, err := os.ReadFile(filepath.Join("..", "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root, sdk.License()) {
		t.Error("sdk/LICENSE is not LICENSE")
	}
}
