package archtest

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Tree is the parsed source of the repository.
type Tree struct {
	Fset  *token.FileSet
	Files []*File // ascending by Path
}

// File is one Go file.
type File struct {
	Path      string // relative to the root, with slashes
	Lines     int
	Test      bool // ends in _test.go
	Generated bool // carries the standard "Code generated" line
	AST       *ast.File
}

// Dir is the folder of the file, the key of the import table.
func (f *File) Dir() string { return path.Dir(f.Path) }

// Finding is one breach of a rule.
type Finding struct {
	Rule string // a short name
	Path string
	Line int // 0 when the finding is about the whole file or package
	What string
}

// String is path:line: rule: what, as editors like it.
func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", f.Path, f.Rule, f.What)
	}
	return fmt.Sprintf("%s:%d: %s: %s", f.Path, f.Line, f.Rule, f.What)
}

// Load parses all Go files below root. It leaves out testdata, folders that
// begin with a dot or an underscore, and what git ignores.
func Load(root string) (*Tree, error) {
	paths, err := goFiles(root)
	if err != nil {
		return nil, fmt.Errorf("archtest: list files: %w", err)
	}
	t := &Tree{Fset: token.NewFileSet()}
	for _, p := range paths {
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil {
			return nil, fmt.Errorf("archtest: read: %w", err)
		}
		if err := t.Add(p, src); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(t.Files, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	return t, nil
}

// Add parses one file into the tree. An error names the file and the line that
// does not parse.
func (t *Tree) Add(name string, src []byte) error {
	parsed, err := parser.ParseFile(t.Fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("archtest: parse: %w", err)
	}
	t.Files = append(t.Files, &File{
		Path: name, Lines: bytes.Count(src, []byte("\n")), Test: strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(parsed), AST: parsed,
	})
	return nil
}

// Line is the line of a position in its file.
func (t *Tree) Line(p token.Pos) int { return t.Fset.Position(p).Line }

// Packages groups the files by folder.
func (t *Tree) Packages() map[string][]*File {
	out := map[string][]*File{}
	for _, f := range t.Files {
		out[f.Dir()] = append(out[f.Dir()], f)
	}
	return out
}

// goFiles lists the Go files git knows or would add; where there is no git, all.
func goFiles(root string) ([]string, error) {
	cmd := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.go")
	if out, err := cmd.Output(); err == nil {
		var kept []string
		for _, p := range strings.Split(string(out), "\x00") {
			if _, err := os.Stat(filepath.Join(root, p)); p != "" && err == nil && !hidden(p) {
				kept = append(kept, p)
			}
		}
		slices.Sort(kept)
		return slices.Compact(kept), nil
	}
	return walkFiles(root)
}

func walkFiles(root string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel != "." && hidden(rel) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.IsDir() && strings.HasSuffix(rel, ".go") {
			out = append(out, rel)
		}
		return nil
	})
	return out, err
}

// hidden reports whether the go tool would pass over the path.
func hidden(p string) bool {
	return slices.ContainsFunc(strings.Split(p, "/"), func(part string) bool {
		return part == "testdata" || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_")
	})
}
