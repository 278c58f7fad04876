package guests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wraft/wraft/internal/toolchain"
)

// Guest is an example machine in one language.
type Guest struct {
	Language string
	Compiler string // its name and version
	Binary   []byte
}

// Untested is a language in which the machine could not be built here.
type Untested struct {
	Language string
	Why      error
}

func (u Untested) String() string { return u.Language + ": " + u.Why.Error() }

// errNoExample says that there is no example in a language.
var errNoExample = errors.New("guests: there is no such example")

// folder is where the example machine of that name lies, below the root of the
// repository.
func folder(language, machine string) string {
	if language == "go" {
		return filepath.Join("examples", "wasm-"+machine)
	}
	return filepath.Join("sdk", language, "examples", machine)
}

// Build compiles the example machine ("counter" or "kv") in every language. root
// is that of the repository. The error is for a project that does not compile; a
// missing compiler or example is a language untested.
func Build(ctx context.Context, root, machine string) (built []Guest, untested []Untested, err error) {
	dir, err := os.MkdirTemp("", "guests")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	for _, language := range toolchain.Languages() {
		g, err := build(ctx, root, language, machine, filepath.Join(dir, language+".wasm"))
		if missing := (*toolchain.MissingError)(nil); errors.As(err, &missing) || errors.Is(err, errNoExample) {
			untested = append(untested, Untested{language, err})
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("guests: %s in %s: %w", machine, language, err)
		}
		built = append(built, g)
	}
	return built, untested, nil
}

func build(ctx context.Context, root, language, machine, out string) (Guest, error) {
	dir := filepath.Join(root, folder(language, machine))
	if _, err := os.Stat(dir); err != nil {
		return Guest{}, fmt.Errorf("%w: %w", errNoExample, err)
	}
	compiler, err := toolchain.Find(language)
	if err != nil {
		return Guest{}, err
	}
	if err := compiler.BuildKept(ctx, root, dir, out); err != nil {
		return Guest{}, err
	}
	binary, err := os.ReadFile(out)
	return Guest{Language: language, Compiler: compiler.Version, Binary: binary}, err
}

// Root finds the repository above the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "plugins", "plugintest")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("guests: the working directory is not in the repository")
		}
	}
	return "", err
}
