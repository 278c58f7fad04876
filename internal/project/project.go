package project

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wraft/wraft/conformance/abi/scenario"
)

// Where things lie in a project.
const (
	// ScenariosDir is the folder of the scenarios.
	ScenariosDir = "scenarios"
	// ScenarioSuffix ends the name of a scenario's file.
	ScenarioSuffix = ".scenario"
	// ModuleSuffix ends the name of a module's file.
	ModuleSuffix = ".wasm"
)

// ModuleFile is where the module of the project in dir lies once it is built: the
// folder's name tells it.
func ModuleFile(dir string) (string, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("project: %w", err)
	}
	return filepath.Join(dir, filepath.Base(full)+ModuleSuffix), nil
}

// Scenarios reads the scenarios of the project in dir, in the order of their
// names; there may be none. Errors: *scenario.SyntaxError, trouble with files.
func Scenarios(dir string) ([]*scenario.File, error) {
	found, err := os.ReadDir(filepath.Join(dir, ScenariosDir))
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("project: %w", err)
	}
	var files []string
	for _, f := range found {
		if strings.HasSuffix(f.Name(), ScenarioSuffix) && !f.IsDir() {
			files = append(files, filepath.Join(dir, ScenariosDir, f.Name()))
		}
	}
	slices.Sort(files)
	return ReadScenarios(files)
}

// ReadScenarios reads scenario files.
func ReadScenarios(files []string) (out []*scenario.File, err error) {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("project: %w", err)
		}
		s, err := scenario.Parse(file, text)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
