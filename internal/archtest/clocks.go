package archtest

import (
	"fmt"
	"go/ast"
)

// clockRooms are the folders whose time comes in through internal/clock, so that a
// simulation may give them another.
var clockRooms = map[string]bool{"node": true}

// CheckClocks refuses the system's time where a Clock was handed in.
func CheckClocks(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		name := importName(f, "time")
		if !clockRooms[f.Dir()] || f.Test || name == "" {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !timeCalls[sel.Sel.Name] {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == name {
				out = append(out, Finding{Rule: "clocks", Path: f.Path, Line: t.Line(sel.Pos()),
					What: fmt.Sprintf("time.%s in a room that has a clock of its own: ask that", sel.Sel.Name)})
			}
			return true
		})
	}
	return out
}
