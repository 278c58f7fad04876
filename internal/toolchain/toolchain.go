package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Toolchain compiles projects of one language.
type Toolchain struct {
	// Language is the name it was found by.
	Language string
	// Version is what the compiler calls itself, without spaces, for example
	// "go1.26.0" or "clang-14.0.6".
	Version string
	// Program is where the compiler lies, for what Build does not do: native tests.
	// Empty where one program is not enough.
	Program string
	// compile builds the project in dir, an absolute path, into the file out, which
	// does not exist and lies in a folder of its own.
	compile func(ctx context.Context, dir, out string) error
}

// MissingError says that the compiler of a language is not installed, or is too
// old or without the WebAssembly target. Install what it says, or leave that
// language out.
type MissingError struct {
	Language string
	// Install is what to install.
	Install string
	// Cause is what was looked for and not found.
	Cause error
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("toolchain: no compiler for %s: %v; install %s", e.Language, e.Cause, e.Install)
}

func (e *MissingError) Unwrap() error { return e.Cause }

// UnknownError names a language there is no SDK for. Take one of Languages.
type UnknownError struct{ Language string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("toolchain: no language %q; there are %s", e.Language, strings.Join(Languages(), ", "))
}

// BuildError is what a compiler said when it refused a project. The author of the
// project mends it.
type BuildError struct {
	Language string
	// Output is what the compiler wrote, at most outputBytesMax of it.
	Output string
	// Cause is how the compiler ended.
	Cause error
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("toolchain: build with %s: %v\n%s", e.Language, e.Cause, e.Output)
}

func (e *BuildError) Unwrap() error { return e.Cause }

// Find looks for the compiler of a language: *UnknownError for a name that is not
// among Languages, *MissingError where there is none that fits. It starts the
// compiler to ask for its version, which takes some milliseconds.
func Find(name string) (*Toolchain, error) {
	l, ok := languages[name]
	if !ok {
		return nil, &UnknownError{Language: name}
	}
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	t, err := l.find(ctx)
	if err != nil {
		return nil, &MissingError{Language: name, Install: l.install, Cause: err}
	}
	t.Language = name
	return t, nil
}

// Build compiles the project in dir into the file out, which is replaced at once
// or, after an error, left as it was. A project the compiler refuses is a
// *BuildError; the context bounds the time it takes.
func (t *Toolchain) Build(ctx context.Context, dir, out string) error {
	dir, out, err := absolute(dir, out)
	if err != nil {
		return err
	}
	// Why a folder below that of out: the module is renamed into place, which works
	// within one file system only, and compilers leave files beside their output.
	temporary, err := os.MkdirTemp(filepath.Dir(out), ".build-")
	if err != nil {
		return fmt.Errorf("toolchain: %w", err)
	}
	defer os.RemoveAll(temporary)
	file := filepath.Join(temporary, "module.wasm")
	if err := t.compile(ctx, dir, file); err != nil {
		if failed := (*BuildError)(nil); errors.As(err, &failed) {
			failed.Language = t.Language
		}
		return err
	}
	if err := os.Chmod(file, moduleMode); err != nil {
		return fmt.Errorf("toolchain: the compiler for %s wrote no module: %w", t.Language, err)
	}
	if err := os.Rename(file, out); err != nil {
		return fmt.Errorf("toolchain: %w", err)
	}
	return nil
}

// moduleMode is for files anyone may read; some linkers mark theirs executable.
const moduleMode = 0o644

// absolute checks that dir is a folder and makes that of out.
func absolute(dir, out string) (string, string, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", "", fmt.Errorf("toolchain: %s is not a folder with a project", dir)
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		out, err = filepath.Abs(out)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(out), 0o755)
	}
	if err != nil {
		return "", "", fmt.Errorf("toolchain: %w", err)
	}
	return dir, out, nil
}
