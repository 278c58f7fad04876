package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
)

// metricRoom has the names of all metrics.
const metricRoom = "internal/metric"

// metricWord is a word that begins as names of metrics do, or the beginning alone.
var metricWord = regexp.MustCompile(`\bwraft_\w*`)

// CheckMetrics sees to it that who shows a metric and who reads it mean the same one: both take
// its name from one room. A name there that nothing takes is a finding too. Tests may write a name
// out, as operators do.
func CheckMetrics(t *Tree) []Finding {
	var out []Finding
	named, taken := map[string]*ast.Ident{}, map[string]bool{}
	for _, f := range t.Files {
		switch {
		case f.Test, f.Dir() == "internal/archtest": // which says what it looks for
		case f.Dir() == metricRoom:
			for _, name := range constants(f) {
				named[name.Name] = name
			}
		default:
			out = append(out, writtenOut(t, f)...)
			noteTaken(f, taken)
		}
	}
	for name, at := range named {
		if !taken[name] {
			place := t.Fset.Position(at.Pos())
			out = append(out, Finding{Rule: "metrics", Path: place.Filename, Line: place.Line, What: name + " is the name of no metric: nothing takes it"})
		}
	}
	return out
}

// constants are the names of the constants that a file declares.
func constants(f *File) (names []*ast.Ident) {
	for _, decl := range f.AST.Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			continue
		}
		for _, spec := range d.Specs {
			names = append(names, spec.(*ast.ValueSpec).Names...)
		}
	}
	return names
}

// writtenOut are the metrics that a file names with a text of its own.
func writtenOut(t *Tree, f *File) (out []Finding) {
	ast.Inspect(f.AST, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			return true
		}
		for _, word := range metricWord.FindAllString(text, -1) {
			if notMetrics[word] == "" && (word != "wraft_" || f.Path != tokenFile) {
				out = append(out, Finding{Rule: "metrics", Path: f.Path, Line: t.Line(lit.Pos()),
					What: fmt.Sprintf("%s is written out: names of metrics are constants of %s", word, metricRoom)})
			}
		}
		return true
	})
	return out
}

// noteTaken notes which names of the metric room a file takes.
func noteTaken(f *File, taken map[string]bool) {
	local := importName(f, Module+"/"+metricRoom)
	if local == "" {
		return
	}
	ast.Inspect(f.AST, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == local {
				taken[sel.Sel.Name] = true
			}
		}
		return true
	})
}
