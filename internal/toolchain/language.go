package toolchain

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// known are the languages there is or shall be an SDK for, in the order in which
// they are shown.
var known = []string{"go", "rust", "c", "cpp", "assemblyscript", "zig"}

// language is what a file of this package registers.
type language struct {
	// name is how commands call it: one of known.
	name string
	// install says what to install where the compiler is missing: a clause that
	// follows "install", for example "Go 1.26 or newer from https://go.dev/dl".
	install string
	// find looks for the compiler and asks for its version. Its error says what is
	// missing or too old; Find turns it into a MissingError.
	find func(ctx context.Context) (*Toolchain, error)
	// detects reports whether a folder is the root of a project of this language.
	detects func(dir string) bool
}

// languages are the registered ones by name. Init functions write it, and nothing
// after them.
var languages = map[string]language{}

// register makes a language known to Find and Detect. It is called by init
// functions only and panics for a mistake in one.
func register(l language) {
	if _, twice := languages[l.name]; twice || !slices.Contains(known, l.name) || l.find == nil || l.detects == nil || l.install == "" {
		panic(fmt.Sprintf("toolchain: language %q is registered twice, not among the known ones, or incomplete", l.name))
	}
	languages[l.name] = l
}

// Languages are the names that Find takes, in the order in which they are shown.
// That one is listed does not mean that its compiler is installed.
func Languages() []string {
	var names []string
	for _, name := range known {
		if _, ok := languages[name]; ok {
			names = append(names, name)
		}
	}
	return names
}

// Known are the languages there is or shall be an SDK for, in the order in which
// they are shown: Languages and those that are not supported yet.
func Known() []string { return slices.Clone(known) }

// Detect tells the language of the project whose root is dir. It fails when no
// language, or more than one, claims the folder.
func Detect(dir string) (string, error) {
	var found []string
	for _, name := range Languages() {
		if languages[name].detects(dir) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("toolchain: %s is not a project of %s", dir, strings.Join(Languages(), ", "))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("toolchain: %s could be a project of %s: say which", dir, strings.Join(found, " or "))
}
