package project

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/wraft/wraft/sdk"
)

// ErrExists is returned for a folder that already holds something. Choose another
// name; nothing is ever overwritten.
var ErrExists = errors.New("project: the folder is not empty")

// UnknownLanguageError names a language without a template. Take one of Languages.
type UnknownLanguageError struct{ Language string }

func (e *UnknownLanguageError) Error() string {
	return fmt.Sprintf("project: no template for %q; there are %s", e.Language, strings.Join(sdk.Languages(), ", "))
}

// Languages are those with a template, ascending.
func Languages() []string { return sdk.Languages() }

// templateSuffix is cut off the name of a file: some tools would take the templates
// of their files for the real ones.
const templateSuffix = ".tmpl"

// values are what a template may show.
type values struct {
	// Name is the project's: a name that a machine may have.
	Name string
}

// Create writes a new project of a language into dir, which must be empty or not
// exist: the template, the guest library, a scenario. It is there whole or, after
// an error, not at all. Errors: ErrExists, *UnknownLanguageError, trouble with files.
func Create(dir, name, language string) error {
	kit, ok := sdk.Find(language)
	if !ok {
		return &UnknownLanguageError{language}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("project: %w", err)
	}
	if present, err := os.ReadDir(dir); err == nil && len(present) > 0 {
		return fmt.Errorf("%w: %s", ErrExists, dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("project: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("project: %w", err)
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), ".new-")
	if err != nil {
		return fmt.Errorf("project: %w", err)
	}
	defer os.RemoveAll(temporary)
	if err := fill(temporary, name, kit); err != nil {
		return fmt.Errorf("project: %w", err)
	}
	// An empty folder of that name gives way; one that has been filled in between
	// does not, and the rename fails.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("project: %w", err)
	}
	if err := os.Rename(temporary, dir); err != nil {
		return fmt.Errorf("project: %w", err)
	}
	return nil
}

// fill writes all files of a project.
func fill(dir, name string, kit sdk.Kit) error {
	if err := os.Chmod(dir, 0o755); err != nil { // the mode of temporary folders is narrower
		return err
	}
	files := map[string][]byte{
		filepath.Join(ScenariosDir, "counting"+ScenarioSuffix): sdk.Scenario(),
		filepath.Join(sdk.LibraryDir, "LICENSE"):               sdk.License(),
	}
	for _, tree := range kit.Library {
		err := read(tree, func(file string, text []byte) error {
			files[filepath.Join(sdk.LibraryDir, file)] = text
			return nil
		})
		if err != nil {
			return err
		}
	}
	for file, text := range kit.Pages {
		files[filepath.Join(sdk.LibraryDir, file)] = text
	}
	err := read(kit.Template, func(file string, text []byte) error {
		expanded, err := expand(file, text, values{Name: name})
		files[strings.TrimSuffix(file, templateSuffix)] = expanded
		return err
	})
	if err != nil {
		return err
	}
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// read calls f with every file of a tree.
func read(tree fs.FS, f func(file string, text []byte) error) error {
	return fs.WalkDir(tree, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			return err
		}
		return f(filepath.FromSlash(file), text)
	})
}

func expand(file string, text []byte, v values) ([]byte, error) {
	t, err := template.New(file).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, v)
	return b.Bytes(), err
}
