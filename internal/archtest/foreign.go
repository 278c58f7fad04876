package archtest

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// walledIn are the libraries whose types stay inside: exchanging one of them
// must not change a signature another room sees.
var walledIn = []string{modQUIC, modWazero, modPebble}

// CheckForeignTypes refuses types of the walled-in libraries in exported
// functions, methods, fields, types and variables.
func CheckForeignTypes(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		names := foreignNames(f)
		if f.Test || len(names) == 0 || f.AST.Name.Name == "main" {
			continue
		}
		for _, decl := range f.AST.Decls {
			for _, n := range exportedSurface(decl) {
				out = append(out, foreignUses(t, f, names, n)...)
			}
		}
	}
	return out
}

// foreignNames are the names under which the file knows walled-in packages.
func foreignNames(f *File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range f.AST.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		within := func(module string) bool { return target == module || strings.HasPrefix(target, module+"/") }
		if err == nil && slices.ContainsFunc(walledIn, within) {
			names[importName(f, target)] = true
		}
	}
	return names
}

// exportedSurface are the parts of a declaration that others see as types.
func exportedSurface(decl ast.Decl) []ast.Node {
	var out []ast.Node
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiverName(d))) {
			out = append(out, d.Type)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					out = append(out, visibleType(s.Type)...)
				}
			case *ast.ValueSpec:
				if s.Type != nil && slices.ContainsFunc(s.Names, (*ast.Ident).IsExported) {
					out = append(out, s.Type)
				}
			}
		}
	}
	return out
}

// visibleType leaves the unexported fields of a struct out.
func visibleType(expr ast.Expr) []ast.Node {
	st, ok := expr.(*ast.StructType)
	if !ok {
		return []ast.Node{expr}
	}
	var out []ast.Node
	for _, field := range st.Fields.List {
		if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
			out = append(out, field.Type)
		}
	}
	return out
}

func foreignUses(t *Tree, f *File, names map[string]bool, surface ast.Node) []Finding {
	var out []Finding
	ast.Inspect(surface, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if !ok || !names[pkg.Name] {
			return true
		}
		shown := pkg.Name + "." + sel.Sel.Name
		if _, excepted := foreignTypesExcepted[f.Dir()+" "+shown]; !excepted {
			out = append(out, Finding{Rule: "foreign", Path: f.Path, Line: t.Line(sel.Pos()),
				What: shown + " in an exported signature: keep the library's types inside the room"})
		}
		return true
	})
	return out
}
