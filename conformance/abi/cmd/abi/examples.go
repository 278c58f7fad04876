package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/examples"
	"github.com/wraft/wraft/internal/toolchain"
	"github.com/wraft/wraft/plugins"
)

// The first language is the one that defines what the machines do.
const definingLanguage = "go"

// folder is where the machine of a name lies in the repository.
func folder(language, machine string) string {
	if machine == "counter2" {
		dir := filepath.Join("internal", "wasmtest", "guests", machine)
		if language == definingLanguage {
			return dir
		}
		return filepath.Join(dir, language)
	}
	if language == definingLanguage {
		return filepath.Join("examples", "wasm-"+machine)
	}
	return filepath.Join("sdk", language, "examples", machine)
}

// runExamples checks the machines of all languages; the working directory is the
// root of the repository.
func runExamples(ctx context.Context, engine *plugins.Engine, s settings) (bool, error) {
	dir := s.keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "wraft-abi"); err != nil {
			return false, err
		}
		defer os.RemoveAll(dir)
	}
	r := &exampleRun{engine: engine, settings: s, dir: dir, digests: map[string][32]byte{}}
	var passed, failed, untested []string
	for _, language := range toolchain.Known() {
		why, ok, err := r.language(ctx, language)
		switch {
		case err != nil:
			return false, fmt.Errorf("%s: %w", language, err)
		case why != "":
			fmt.Printf("%s: untested: %s\n", language, why)
			untested = append(untested, language)
		case ok:
			passed = append(passed, language)
		default:
			failed = append(failed, language)
		}
	}
	line := "abi: ok=" + strings.Join(passed, ",")
	if len(failed) > 0 {
		line += " failed=" + strings.Join(failed, ",")
	}
	fmt.Printf("%s untested=%s\n", line, strings.Join(untested, ","))
	return len(failed) == 0 && len(passed) > 0, nil
}

type exampleRun struct {
	engine   *plugins.Engine
	settings settings
	dir      string
	digests  map[string][32]byte // of what the defining machines answer
}

// language checks all machines of one. untested says why it cannot.
func (r *exampleRun) language(ctx context.Context, language string) (untested string, ok bool, err error) {
	compiler, err := toolchain.Find(language)
	var missing *toolchain.MissingError
	var unknown *toolchain.UnknownError
	switch {
	case errors.As(err, &missing):
		return fmt.Sprintf("%v; install %s", missing.Cause, missing.Install), false, nil
	case errors.As(err, &unknown):
		return "there is no SDK yet", false, nil
	case err != nil:
		return "", false, err
	}
	for _, machine := range examples.Names() {
		if _, err := os.Stat(folder(language, machine)); err != nil {
			return fmt.Sprintf("%s is not there", folder(language, machine)), false, nil
		}
	}
	fmt.Printf("%s: %s\n", language, compiler.Version)
	ok = true
	for _, machine := range examples.Names() {
		good, err := r.machine(ctx, compiler, machine)
		if err != nil {
			return "", false, err
		}
		ok = ok && good
	}
	return "", ok, nil
}

// machine builds one and checks it. A project that does not build fails.
func (r *exampleRun) machine(ctx context.Context, compiler *toolchain.Toolchain, machine string) (bool, error) {
	label := compiler.Language + "/" + machine
	file := r.file(compiler.Language, machine)
	var refused *toolchain.BuildError
	if err := compiler.Build(ctx, folder(compiler.Language, machine), file); errors.As(err, &refused) {
		fmt.Printf("FAIL %s: %v\n", label, refused)
		return false, nil
	} else if err != nil {
		return false, err
	}
	binary, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	subject := examples.Subject(machine, label, binary)
	if subject.Old, err = r.before(compiler.Language, machine); err != nil {
		return false, err
	}
	report, err := abi.Run(ctx, r.engine, subject, r.settings.options)
	if err != nil {
		return false, err
	}
	passed, failed, skipped := report.Counts()
	fmt.Printf("%s: bytes=%d checks=%d failed=%d skipped=%d sha256:%x\n", label, len(binary), passed+failed+skipped, failed, skipped, sha256.Sum256(binary))
	if !report.OK() {
		fmt.Print(report)
		return false, nil
	}
	if examples.Before(machine) != machine {
		if err := examples.Versions(ctx, r.engine, subject.Old, binary); err != nil {
			fmt.Printf("FAIL %s: %v\n", label, err)
			return false, nil
		}
	}
	return r.agrees(ctx, subject, machine)
}

// file is where a machine is built.
func (r *exampleRun) file(language, machine string) string {
	return filepath.Join(r.dir, language+"-"+machine+".wasm")
}

// before is the module that a machine takes the place of: the version before it in the
// same language, or, where there is none, the same machine in the defining one.
func (r *exampleRun) before(language, machine string) ([]byte, error) {
	earlier := examples.Before(machine)
	if earlier == machine {
		language = definingLanguage
	}
	return os.ReadFile(r.file(language, earlier))
}

// agrees holds a machine's answers against those of the defining one.
func (r *exampleRun) agrees(ctx context.Context, s abi.Subject, machine string) (bool, error) {
	digest, err := examples.Digest(ctx, r.engine, s)
	if err != nil {
		return false, err
	}
	want, ok := r.digests[machine]
	if !ok {
		r.digests[machine] = digest
		return true, nil
	}
	if digest != want {
		fmt.Printf("FAIL %s: its answers or its export differ from those of the machine in Go\n", s.Name)
	}
	return digest == want, nil
}
