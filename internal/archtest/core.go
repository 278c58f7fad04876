package archtest

import (
	"fmt"
	"go/ast"
	"strconv"
)

// CheckCore holds the Raft core to determinism: equal inputs give equal effects,
// so it may not see a clock, a shared random source, another goroutine, a file
// or a socket. Its tests may.
func CheckCore(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		if corePackages[f.Dir()] && !f.Test {
			out = append(out, coreImportFindings(t, f)...)
			out = append(out, coreCallFindings(t, f)...)
		}
	}
	return out
}

func coreImportFindings(t *Tree, f *File) []Finding {
	var out []Finding
	for _, spec := range f.AST.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err == nil && standard(target) && !coreImports[target] {
			out = append(out, Finding{Rule: "core", Path: f.Path, Line: t.Line(spec.Pos()),
				What: fmt.Sprintf("the core may not import %s: time, chance, files and other goroutines reach it as inputs only", target)})
		}
	}
	return out
}

func coreCallFindings(t *Tree, f *File) []Finding {
	var out []Finding
	add := func(n ast.Node, what string) {
		out = append(out, Finding{Rule: "core", Path: f.Path, Line: t.Line(n.Pos()), What: what})
	}
	timeName, randName := importName(f, "time"), importName(f, "math/rand/v2")
	ast.Inspect(f.AST, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			add(n, "the core starts no goroutine")
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			switch {
			case !ok:
			case timeName != "" && pkg.Name == timeName && timeCalls[n.Sel.Name]:
				add(n, fmt.Sprintf("the core may not use time.%s: only inputs carry time", n.Sel.Name))
			case randName != "" && pkg.Name == randName && !randSources[n.Sel.Name]:
				add(n, fmt.Sprintf("the core may not use the shared source behind rand.%s: seed one of its own", n.Sel.Name))
			}
		}
		return true
	})
	return out
}

// importName is the name a file uses for an import, "" when it has none.
func importName(f *File, target string) string {
	for _, spec := range f.AST.Imports {
		if got, err := strconv.Unquote(spec.Path.Value); err != nil || got != target {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return baseName(target)
	}
	return ""
}
