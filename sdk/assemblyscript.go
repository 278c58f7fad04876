package sdk

import (
	"embed"
	"io/fs"
)

//go:embed assemblyscript/wraft assemblyscript/template
var assemblyScript embed.FS

func init() {
	kits["assemblyscript"] = func() (Kit, error) { return kitOf(assemblyScript, "assemblyscript") }
}

// kitOf is the kit of a language whose folder has the library and the template in
// folders of their own.
func kitOf(files fs.FS, language string) (Kit, error) {
	library, err := fs.Sub(files, language+"/"+LibraryDir)
	if err != nil {
		return Kit{}, err
	}
	template, err := fs.Sub(files, language+"/template")
	return Kit{Library: []fs.FS{library}, Template: template}, err
}
