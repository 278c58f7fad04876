package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Artefact is a failing run as a file: what was run, and what came of it.
type Artefact struct {
	// Commit is the version of the code, when it is known: another version may run
	// another way.
	Commit    string `json:"commit,omitempty"`
	Violation string `json:"violation"`
	At        Span   `json:"at"`   // virtual time of the violation
	Hash      string `json:"hash"` // of the run, up to there
	Scenario
}

// Artefact returns r as it is to be kept.
func (r Result) Artefact(commit string) Artefact {
	a := Artefact{Commit: commit, At: Span(r.Virtual), Hash: fmt.Sprintf("%016x", r.Hash), Scenario: r.Scenario}
	if r.Violation != nil {
		a.Violation = r.Violation.Error()
	}
	return a
}

// Write keeps a as sim-<seed>.json in dir, or as sim-<seed>-shrunk.json, and
// returns the path.
func (a Artefact) Write(dir string) (string, error) {
	data, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		return "", fmt.Errorf("sim: artefact: %w", err)
	}
	name := fmt.Sprintf("sim-%d.json", a.Seed)
	if a.Shrunk {
		name = fmt.Sprintf("sim-%d-shrunk.json", a.Seed)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("sim: artefact: %w", err)
	}
	return path, nil
}

// ReadArtefact reads what Write wrote, or somebody edited.
func ReadArtefact(path string) (Artefact, error) {
	var a Artefact
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err == nil {
		err = a.Validate()
	}
	if err != nil {
		return Artefact{}, fmt.Errorf("sim: artefact %s: %w", path, err)
	}
	return a, nil
}

// Replays compares r, a run of a's scenario, with what the file says; "" when it
// is the same violation in the same run.
func (a Artefact) Replays(r Result) string {
	is := r.Artefact(a.Commit)
	switch {
	case is.Violation != a.Violation:
		return fmt.Sprintf("another outcome: %q, the file has %q", is.Violation, a.Violation)
	case is.Hash != a.Hash:
		return fmt.Sprintf("another run: hash %s, the file has %s", is.Hash, a.Hash)
	}
	return ""
}
