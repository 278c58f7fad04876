package archtest

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
)

// unfinished matches the usual marks of work put off.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XXX|HA` + `CK)\b`)

// CheckComments refuses marks of work put off, in comments and as panics that
// stand for code not written: what is not done belongs into an issue.
func CheckComments(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		for _, group := range f.AST.Comments {
			for _, c := range group.List {
				if mark := unfinished.FindString(c.Text); mark != "" {
					out = append(out, Finding{Rule: "comments", Path: f.Path, Line: t.Line(c.Pos()),
						What: fmt.Sprintf("%s: finish it or open an issue", mark)})
				}
			}
		}
		out = append(out, stubPanics(t, f)...)
	}
	return out
}

func stubPanics(t *Tree, f *File) []Finding {
	var out []Finding
	ast.Inspect(f.AST, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		fn, isIdent := call.Fun.(*ast.Ident)
		text, isText := call.Args[0].(*ast.BasicLit)
		if !isIdent || !isText || fn.Name != "panic" {
			return true
		}
		for _, words := range []string{"not implemented", "unimplemented"} {
			if strings.Contains(strings.ToLower(text.Value), words) {
				out = append(out, Finding{Rule: "comments", Path: f.Path, Line: t.Line(call.Pos()),
					What: "a panic in place of code: write it or leave the function out"})
			}
		}
		return true
	})
	return out
}
