package sdk

import (
	"embed"
	"io/fs"
	"slices"
)

// Kit is what a new project of one language is made of.
type Kit struct {
	// Library are the files of the guest library, from one or more trees. A project
	// keeps them in the folder LibraryDir.
	Library []fs.FS
	// Pages are further files of that folder, by name.
	Pages map[string][]byte
	// Template are the project's own first files.
	Template fs.FS
}

// LibraryDir is the folder of a project that holds the guest library.
const LibraryDir = "wraft"

// kits are the languages by name. Init functions write it, and nothing after them.
var kits = map[string]func() (Kit, error){}

//go:embed counter.scenario LICENSE
var shared embed.FS

// Scenario is what every template's machine is expected to do, whatever its
// language.
func Scenario() []byte { return read("counter.scenario") }

// License is the text that goes with a copy of a library.
func License() []byte { return read("LICENSE") }

func read(name string) []byte {
	text, err := shared.ReadFile(name)
	if err != nil {
		panic(err) // Invariant: it is compiled in
	}
	return text
}

// Languages are the languages with a kit, ascending.
func Languages() []string {
	var names []string
	for name := range kits {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Find returns the kit of a language; ok is false when there is none.
func Find(language string) (kit Kit, ok bool) {
	open, ok := kits[language]
	if !ok {
		return Kit{}, false
	}
	kit, err := open()
	if err != nil {
		panic(err) // Invariant: what is compiled in can be read; a test opens every kit
	}
	return kit, true
}
