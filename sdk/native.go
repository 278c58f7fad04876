package sdk

import (
	"embed"
	"io/fs"
)

// Why not whole folders: examples and native tests of the libraries stay here.
//
//go:embed c/*.c c/*.h c/README.md c/template
var cFiles embed.FS

//go:embed cpp/*.cpp cpp/*.hpp cpp/template
var cppFiles embed.FS

// cppPage is a page of its own, since README.md of the folder is that of the C library.
//
//go:embed cpp/README.md
var cppPage []byte

//go:embed rust/Cargo.toml rust/README.md rust/src rust/template
var rustFiles embed.FS

// templateDir is the folder of the template in a library's folder.
const templateDir = "template"

func init() {
	kits["c"] = func() (Kit, error) { return folders("c", cFiles) }
	kits["cpp"] = func() (Kit, error) {
		c, err := folders("c", cFiles)
		if err != nil {
			return Kit{}, err
		}
		cpp, err := folders("cpp", cppFiles)
		return Kit{Library: append(c.Library, cpp.Library...), Pages: map[string][]byte{"README-cpp.md": cppPage}, Template: cpp.Template}, err
	}
	kits["rust"] = func() (Kit, error) { return folders("rust", rustFiles) }
}

// folders makes a kit of a library's folder and the template in it.
func folders(dir string, files fs.FS) (Kit, error) {
	all, err := fs.Sub(files, dir)
	if err != nil {
		return Kit{}, err
	}
	template, err := fs.Sub(all, templateDir)
	return Kit{Library: []fs.FS{without{all, templateDir}}, Template: template}, err
}

// without is a tree without one of its folders.
type without struct {
	fs.FS
	dir string
}

// ReadDir leaves the folder out.
func (w without) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(w.FS, name)
	var kept []fs.DirEntry
	for _, e := range entries {
		if name != "." || e.Name() != w.dir {
			kept = append(kept, e)
		}
	}
	return kept, err
}
