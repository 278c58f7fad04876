package project_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/internal/project"
	"github.com/wraft/wraft/internal/toolchain"
)

// pageOf is what a library has besides its README.
var pageOf = map[string]string{"cpp": "wraft/README-cpp.md"}

// TestNewProjects makes one in each language that has a template: it must be
// recognised as one of that language, hold the library, and leave no placeholder.
func TestNewProjects(t *testing.T) {
	for _, language := range project.Languages() {
		t.Run(language, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "deep", "my-machine")
			if err := project.Create(dir, "my-machine", language); err != nil {
				t.Fatal(err)
			}
			if got, err := toolchain.Detect(dir); err != nil || got != language {
				t.Errorf("it is a project of %q, %v", got, err)
			}
			for _, file := range []string{"README.md", "wraft/LICENSE", "wraft/README.md", pageOf[language]} {
				if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() == 0 {
					t.Errorf("%s: %v", file, err)
				}
			}
			if named := countPlaceholders(t, dir); named == 0 {
				t.Error("the project's name stands in no file")
			}
			scenarios, err := project.Scenarios(dir)
			if err != nil || len(scenarios) != 1 || len(scenarios[0].Steps) == 0 {
				t.Errorf("scenarios %v, %v", scenarios, err)
			}
			module, err := project.ModuleFile(dir)
			if err != nil || module != filepath.Join(dir, "my-machine.wasm") {
				t.Errorf("module %s, %v", module, err)
			}
		})
	}
}

// countPlaceholders looks through the project's own files and returns how many
// hold its name.
func countPlaceholders(t *testing.T, dir string) (named int) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "{{.") || strings.HasSuffix(f.Name(), ".tmpl") {
			t.Errorf("%s is still a template", f.Name())
		}
		if strings.Contains(string(text), "my-machine") {
			named++
		}
	}
	return named
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mine")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := project.Create(dir, "x", "go"); !errors.Is(err, project.ErrExists) {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("%s: %q, %v", file, text, err)
	}
	if err := project.Create(filepath.Join(file, "below"), "x", "go"); err == nil {
		t.Error("a project was made below a file")
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := project.Create(empty, "x", "go"); err != nil {
		t.Errorf("an empty folder does not do: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(empty), ".new-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnknownLanguages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	err := project.Create(dir, "p", "cobol")
	var unknown *project.UnknownLanguageError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "go") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("a folder was made: %v", err)
	}
}

func TestScenariosOfAProject(t *testing.T) {
	dir := t.TempDir()
	if files, err := project.Scenarios(dir); err != nil || files != nil {
		t.Errorf("a folder without scenarios has %v, %v", files, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "scenarios", "folder.scenario"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"b.scenario": "call b", "a.scenario": "call a", "notes.md": "no scenario"} {
		if err := os.WriteFile(filepath.Join(dir, "scenarios", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := project.Scenarios(dir)
	if err != nil || len(files) != 2 || string(files[0].Commands()[0]) != "a" {
		t.Errorf("got %v, %v", files, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "scenarios", "c.scenario"), []byte("what"), 0o644); err != nil {
		t.Fatal(err)
	}
	var wrong *scenario.SyntaxError
	if _, err := project.Scenarios(dir); !errors.As(err, &wrong) {
		t.Errorf("got %v", err)
	}
}
