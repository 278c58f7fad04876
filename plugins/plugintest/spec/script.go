package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoSuite says that the suite isn't there. Skip, and say so; downloading the
// Go module github.com/tetratelabs/wazero mends it.
var ErrNoSuite = errors.New("spec: the suite is not there")

const engineModule = "github.com/tetratelabs/wazero"

// Folder finds the suite in the Go module cache: the folder that holds one
// folder per version of the specification. It asks the go command, in the
// working directory.
func Folder() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", engineModule).Output()
	if err != nil {
		return "", fmt.Errorf("%w: go list -m %s: %w", ErrNoSuite, engineModule, err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	if _, err := os.Stat(filepath.Join(dir, hostModuleFile)); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoSuite, err)
	}
	return dir, nil
}

// hostModuleFile is the module "spectest", which scripts import.
var hostModuleFile = filepath.Join("testdata", "spectest.wasm")

// Versions are the folders of the suite that are run: WebAssembly 1.0 and 2.0.
var Versions = []string{"v1", "v2"}

// Script is one file of the suite.
type Script struct {
	// Name is version and file, v2/memory_trap.
	Name     string
	dir      string
	commands []command
}

// Load reads all scripts of a version, ascending by name.
func Load(folder, version string) ([]*Script, error) {
	dir := filepath.Join(folder, version, "testdata")
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("%w: no scripts in %s", ErrNoSuite, dir)
	}
	var scripts []*Script
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("spec: %w", err)
		}
		var file struct{ Commands []command }
		if err := json.Unmarshal(text, &file); err != nil {
			return nil, fmt.Errorf("spec: %s: %w", path, err)
		}
		name := version + "/" + strings.TrimSuffix(filepath.Base(path), ".json")
		scripts = append(scripts, &Script{Name: name, dir: dir, commands: file.Commands})
	}
	return scripts, nil
}

// binary reads a module that a command names.
func (s *Script) binary(c *command) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.dir, c.Filename))
}

// command is one line of a script, as wast2json writes them.
type command struct {
	Type       string
	Line       int
	Name       string // of a module, for later commands
	Filename   string
	As         string // the name under which others import it
	ModuleType string `json:"module_type"`
	Text       string // of a trap
	Action     struct {
		Type, Module, Field string
		Args                []value
	}
	Expected []value
}

// value is an argument or what a result must be.
type value struct {
	Type  string
	Value any // text; nil for any reference
}

// bits encodes an argument for the engine.
func (v value) bits() (uint64, error) {
	text, ok := v.Value.(string)
	switch {
	case !ok:
		return 0, fmt.Errorf("spec: a %s without a value", v.Type)
	case text == "null":
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("spec: %s %q: %w", v.Type, text, err)
	}
	if v.Type == "externref" {
		return n + 1, nil // to the engine 0 is null
	}
	return n, nil
}

// How scripts name types and the NaNs that the specification admits.
const (
	typeSingle    = "f32"
	suffixRef     = "ref"
	nanCanonical  = "nan:canonical"
	nanArithmetic = "nan:arithmetic"
)

// Bits of floats: the sign, and all that is set in a canonical NaN.
const (
	sign32, sign64           = 1 << 31, 1 << 63
	canonical32, canonical64 = 0x7fc00000, 0x7ff8 << 48
)

// admits reports whether a result is what the script wants. Where the
// specification lets engines choose among NaNs, strict wants the canonical one
// without a sign.
func (v value) admits(got uint64, strict bool) bool {
	if v.Value == nil && strings.HasSuffix(v.Type, suffixRef) {
		return true
	}
	text, _ := v.Value.(string)
	if text == nanCanonical || text == nanArithmetic {
		return v.admitsNaN(got, strict || text == nanCanonical, strict)
	}
	want, err := v.bits()
	return err == nil && want == narrow(v.Type, got)
}

func (v value) admitsNaN(got uint64, canonical, unsigned bool) bool {
	got = narrow(v.Type, got)
	sign, least := uint64(sign64), uint64(canonical64)
	if v.Type == typeSingle {
		sign, least = sign32, canonical32
	}
	if !unsigned {
		got &^= sign
	}
	if canonical {
		return got == least
	}
	return got&least == least
}

func narrow(typeName string, v uint64) uint64 {
	if typeName == "i32" || typeName == typeSingle {
		return uint64(uint32(v))
	}
	return v
}
