package archtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// CheckImports holds every import against the table in table.go. A folder
// without a row is a finding too: new rooms are decided, not grown.
func CheckImports(t *Tree) []Finding {
	var out []Finding
	for dir, files := range t.Packages() {
		room, ok := roomOf(dir)
		if !ok {
			out = append(out, Finding{Rule: "rooms", Path: dir,
				What: "no row in the import table: add one to internal/archtest/table.go that says what it may import and why"})
			continue
		}
		for _, f := range files {
			out = append(out, fileImports(t, room, f)...)
		}
	}
	return out
}

func fileImports(t *Tree, room Room, f *File) []Finding {
	var out []Finding
	for _, spec := range f.AST.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil || mayImport(room, f, target) {
			continue
		}
		out = append(out, Finding{Rule: "imports", Path: f.Path, Line: t.Line(spec.Pos()),
			What: fmt.Sprintf("%s may not import %s (%s)", f.Dir(), strings.TrimPrefix(target, Module+"/"), room.Why)})
	}
	return out
}

// mayImport reports whether the room's row allows the import. The standard
// library is always allowed here; CheckCore narrows it for the core.
func mayImport(room Room, f *File, target string) bool {
	if local, ok := strings.CutPrefix(target, Module+"/"); ok {
		// An external test imports the package it tests.
		return slices.Contains(room.Imports, local) || room.holds(local) ||
			f.Test && (local == f.Dir() || slices.Contains(room.TestImports, local))
	}
	if standard(target) {
		return true
	}
	within := func(module string) bool { return target == module || strings.HasPrefix(target, module+"/") }
	return slices.ContainsFunc(room.Modules, within) || f.Test && slices.ContainsFunc(testModules, within)
}

// holds reports whether the row is of a subtree that the folder lies in: rooms of
// one subtree may use each other.
func (r Room) holds(dir string) bool {
	prefix, subtree := strings.CutSuffix(r.Path, "/...")
	return subtree && (dir == prefix || strings.HasPrefix(dir, prefix+"/"))
}

// standard reports whether the path is one of the standard library: its first
// element has no dot.
func standard(target string) bool {
	first, _, _ := strings.Cut(target, "/")
	return !strings.Contains(first, ".")
}

// roomOf finds the row of a folder: its own, or the nearest "/..." above it.
func roomOf(dir string) (Room, bool) {
	var best Room
	for _, r := range rooms {
		if r.Path == dir {
			return r, true
		}
		if r.holds(dir) && len(r.Path) > len(best.Path) {
			best = r
		}
	}
	return best, best.Path != ""
}
