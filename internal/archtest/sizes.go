package archtest

import (
	"fmt"
	"go/ast"
	"path"
)

// Limits of the house style, in lines with comments.
const (
	fileLinesSplit   = 500
	fileLinesMax     = 700
	functionLinesMax = 70
	mainLinesMax     = 60
)

// CheckSizes holds files, functions and the main file of a command to their
// limits. Generated files are exempt.
func CheckSizes(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		if f.Generated {
			continue
		}
		out = append(out, fileSize(f)...)
		out = append(out, functionSizes(t, f)...)
	}
	return out
}

func fileSize(f *File) []Finding {
	finding := func(format string, args ...any) []Finding {
		return []Finding{{Rule: "size", Path: f.Path, What: fmt.Sprintf(format, args...)}}
	}
	_, excepted := fileLinesExcepted[f.Path]
	switch {
	case path.Dir(f.Dir()) == "cmd" && !f.Test && f.Lines > mainLinesMax:
		return finding("%d lines; a command has at most %d, the rest belongs to internal/cli", f.Lines, mainLinesMax)
	case f.Lines > fileLinesMax:
		return finding("%d lines; no file has more than %d", f.Lines, fileLinesMax)
	case f.Lines > fileLinesSplit && !excepted:
		return finding("%d lines; split it at %d, or list it in exceptions.go with the reason", f.Lines, fileLinesSplit)
	}
	return nil
}

func functionSizes(t *Tree, f *File) []Finding {
	var out []Finding
	for name, lines := range functionLines(t, f) {
		if _, excepted := functionsExcepted[f.Path+":"+name]; lines > functionLinesMax && !excepted {
			out = append(out, Finding{Rule: "size", Path: f.Path, What: fmt.Sprintf(
				"function %s has %d lines; at most %d, or a line in exceptions.go with the reason", name, lines, functionLinesMax)})
		}
	}
	return out
}

// functionLines is the length of each function of the file, by name; a method's
// name is Type.Method.
func functionLines(t *Tree, f *File) map[string]int {
	out := map[string]int{}
	for _, decl := range f.AST.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			name := fn.Name.Name
			if fn.Recv != nil {
				name = receiverName(fn) + "." + name
			}
			out[name] = max(out[name], t.Line(fn.End())-t.Line(fn.Pos())+1)
		}
	}
	return out
}
