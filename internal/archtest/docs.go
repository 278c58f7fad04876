package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
)

// wellKnownMethods have one meaning throughout Go, fixed by the interface of the
// standard library they satisfy; a comment would only repeat it.
var wellKnownMethods = map[string]bool{
	"Error": true, "String": true, "Unwrap": true, "Is": true, "As": true, "Len": true, "Less": true, "Swap": true,
	"Push": true, "Pop": true, "Read": true, "Write": true, "Close": true, "ServeHTTP": true,
	"MarshalJSON": true, "UnmarshalJSON": true, "MarshalText": true, "UnmarshalText": true,
	"MarshalCBOR": true, "UnmarshalCBOR": true, "MarshalYAML": true, "UnmarshalYAML": true, "LogValue": true,
	"Describe": true, "Collect": true,
}

// CheckDocs wants a doc.go with a package comment in every package and a comment
// on every exported identifier outside tests. A command (package main) may keep
// its package comment in any file. A method that fulfils an interface declared
// in the same package is documented there.
func CheckDocs(t *Tree) []Finding {
	var out []Finding
	for dir, files := range t.Packages() {
		out = append(out, packageDoc(dir, files)...)
		promised := interfaceMethods(files)
		for _, f := range files {
			if !f.Test && !f.Generated && f.AST.Name.Name != "main" {
				out = append(out, exportedDocs(t, f, promised)...)
			}
		}
	}
	return out
}

func packageDoc(dir string, files []*File) []Finding {
	isMain, documented, docGo := false, false, false
	for _, f := range files {
		isMain = isMain || f.AST.Name.Name == "main"
		documented = documented || !f.Test && f.AST.Doc != nil
		docGo = docGo || path.Base(f.Path) == "doc.go" && f.AST.Doc != nil
	}
	switch {
	case isMain && !documented:
		return []Finding{{Rule: "docs", Path: dir, What: "the command has no package comment"}}
	case !isMain && !docGo:
		return []Finding{{Rule: "docs", Path: dir,
			What: "no doc.go with a package comment: what it is, what it is not, the mental model, the concurrency rule"}}
	}
	return nil
}

// interfaceMethods are the names of all methods that interfaces of the package
// declare.
func interfaceMethods(files []*File) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if it, ok := n.(*ast.InterfaceType); ok {
				for _, m := range it.Methods.List {
					for _, name := range m.Names {
						names[name.Name] = true
					}
				}
			}
			return true
		})
	}
	return names
}

func exportedDocs(t *Tree, f *File, promised map[string]bool) []Finding {
	var out []Finding
	missing := func(n ast.Node, kind, name string) {
		out = append(out, Finding{Rule: "docs", Path: f.Path, Line: t.Line(n.Pos()),
			What: fmt.Sprintf("exported %s %s has no comment", kind, name)})
	}
	for _, decl := range f.AST.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && needsComment(d, promised) {
				missing(d, "function", d.Name.Name)
			}
		case *ast.GenDecl:
			if d.Doc == nil && d.Tok != token.IMPORT {
				undocumentedSpecs(d, missing)
			}
		}
	}
	return out
}

// needsComment reports whether nothing else documents the function.
func needsComment(d *ast.FuncDecl, promised map[string]bool) bool {
	if d.Recv == nil {
		return true
	}
	name := d.Name.Name
	return ast.IsExported(receiverName(d)) && !wellKnownMethods[name] && !promised[name]
}

// receiverName is the name of a method's receiver type.
func receiverName(d *ast.FuncDecl) string {
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

func undocumentedSpecs(d *ast.GenDecl, missing func(ast.Node, string, string)) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && s.Comment == nil {
				missing(s, "type", s.Name.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() && s.Doc == nil && s.Comment == nil {
					missing(s, d.Tok.String(), name.Name)
				}
			}
		}
	}
}
