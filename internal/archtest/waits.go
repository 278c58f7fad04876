package archtest

import "go/ast"

// CheckTests refuses time.Sleep in tests: a test waits for a condition with a
// deadline. In files that use testing/synctest time is virtual and sleeping is
// the way to let it pass.
func CheckTests(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		name := importName(f, "time")
		if !f.Test || name == "" || importName(f, "testing/synctest") != "" {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Sleep" {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == name {
				out = append(out, Finding{Rule: "tests", Path: f.Path, Line: t.Line(sel.Pos()),
					What: "time.Sleep in a test: wait for a condition with a deadline, or use testing/synctest"})
			}
			return true
		})
	}
	return out
}
