package archtest

import (
	"fmt"
	"go/ast"
	"strings"
)

// Where planted bugs are named, and the one command that plants them.
const (
	mutantRoom  = "raft/mutant"
	mutantPlant = "raft/rafttest/cmd/mutants"
	mutantTag   = "mutants"
)

// CheckMutants sees to it that planted bugs are in no ordinary build: On is the
// constant false there, it is asked with a constant where a bug may strike, and
// nothing else depends on the tag. A bug that is named and asked for nowhere is a
// finding too.
func CheckMutants(t *Tree) []Finding {
	var out []Finding
	named, asked := map[string]*File{}, map[string]bool{}
	for _, f := range t.Files {
		if f.Dir() == mutantRoom {
			out = append(out, onFindings(t, f)...)
			for _, id := range mutantIDs(f) {
				named[id] = f
			}
			continue
		}
		if strings.Contains(constraint(f), mutantTag) {
			out = append(out, Finding{Rule: "mutants", Path: f.Path, What: "only " + mutantRoom + " may depend on the tag " + mutantTag})
		}
		out = append(out, askFindings(t, f, asked)...)
	}
	for id, f := range named {
		if !asked[id] {
			out = append(out, Finding{Rule: "mutants", Path: f.Path, What: fmt.Sprintf("%s is planted nowhere", id)})
		}
	}
	return out
}

// constraint returns the file's build constraint; "" when it has none.
func constraint(f *File) string {
	for _, g := range f.AST.Comments {
		for _, c := range g.List {
			if expr, ok := strings.CutPrefix(c.Text, "//go:build "); ok {
				return expr
			}
		}
	}
	return ""
}

// onFindings looks at the functions On of the mutant room: the one of ordinary
// builds returns false and does nothing else.
func onFindings(t *Tree, f *File) []Finding {
	var out []Finding
	for _, decl := range f.AST.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok || d.Name.Name != "On" || d.Recv != nil {
			continue
		}
		off := constraint(f) == "!"+mutantTag && returnsFalse(d)
		if !off && constraint(f) != mutantTag {
			out = append(out, Finding{Rule: "mutants", Path: f.Path, Line: t.Line(d.Pos()),
				What: "On must be the constant false in every build without the tag " + mutantTag})
		}
	}
	return out
}

// returnsFalse reports whether the body is "return false" and nothing else.
func returnsFalse(d *ast.FuncDecl) bool {
	if d.Body == nil || len(d.Body.List) != 1 {
		return false
	}
	r, ok := d.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(r.Results) != 1 {
		return false
	}
	id, ok := r.Results[0].(*ast.Ident)
	return ok && id.Name == "false"
}

// mutantIDs are the names of the constants of type ID in a file.
func mutantIDs(f *File) []string {
	var ids []string
	ast.Inspect(f.AST, func(n ast.Node) bool {
		s, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := s.Type.(*ast.Ident); ok && typ.Name == "ID" && len(s.Values) > 0 {
			for _, name := range s.Names {
				ids = append(ids, name.Name)
			}
		}
		return true
	})
	return ids
}

// askFindings looks at how a file outside the mutant room uses it, and notes in
// asked which bugs it asks for.
func askFindings(t *Tree, f *File, asked map[string]bool) []Finding {
	name := importName(f, Module+"/"+mutantRoom)
	if name == "" || f.Test {
		return nil
	}
	var out []Finding
	ast.Inspect(f.AST, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := selected(call.Fun, name); {
		case fun == "Plant" && f.Dir() != mutantPlant:
			out = append(out, Finding{Rule: "mutants", Path: f.Path, Line: t.Line(n.Pos()),
				What: "only " + mutantPlant + " and tests plant bugs"})
		case fun == "On" && (len(call.Args) != 1 || selected(call.Args[0], name) == ""):
			out = append(out, Finding{Rule: "mutants", Path: f.Path, Line: t.Line(n.Pos()),
				What: "ask for one of the bugs that " + mutantRoom + " names"})
		case fun == "On":
			asked[selected(call.Args[0], name)] = true
		}
		return true
	})
	return out
}

// selected returns what an expression selects from a package; "" when it does not.
func selected(e ast.Expr, pkg string) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := s.X.(*ast.Ident); !ok || x.Name != pkg {
		return ""
	}
	return s.Sel.Name
}
