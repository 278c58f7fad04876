package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func init() {
	const install = "clang and lld 14 or newer with the WebAssembly target (Debian: clang lld)"
	register(language{
		name: "c", install: install,
		find:    func(ctx context.Context) (*Toolchain, error) { return findClang(ctx, cSources) },
		detects: func(dir string) bool { return has(dir, "*.c") && !has(dir, "*.cpp") },
	})
	register(language{
		name: "cpp", install: install,
		find:    func(ctx context.Context) (*Toolchain, error) { return findClang(ctx, cppSources) },
		detects: func(dir string) bool { return has(dir, "*.cpp") },
	})
}

// clangFlags compile C and C++ alike. Why -mcpu=mvp: newer compilers turn on more
// of WebAssembly by themselves, and the module should be the same.
var clangFlags = []string{
	"--target=wasm32-unknown-unknown", "-mcpu=mvp", "-msign-ext", "-mnontrapping-fptoint", "-mmutable-globals",
	"-O2", "-nostdlibinc", "-fno-ident", "-Wall", "-Wextra",
}

// By kind of source, besides clangFlags. Whole machines are optimised at link time,
// but wraft_memory.c: it defines what the optimiser would make calls of, and is the
// only file that may use bulk instructions, which are dear for a few bytes.
var (
	cFlags      = []string{"-std=c11", "-flto"}
	cppFlags    = []string{"-std=c++17", "-flto", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"}
	memoryFlags = []string{"-std=c11", "-fno-builtin", "-fno-unroll-loops", "-mbulk-memory"}
)

// linkFlags put the stack in front of everything else, where an overflow leaves
// memory and traps, and drop what nobody calls and what only debuggers read.
var linkFlags = []string{"--no-entry", "--stack-first", "-z", "stack-size=262144", "--gc-sections", "--strip-all", "-O2", "--lto-O2"}

// What belongs to a machine: patterns in its folder, and the libraries for C and,
// if cpp is set, on top of it for C++.
var (
	cSources   = clangSources{patterns: []string{"*.c"}}
	cppSources = clangSources{patterns: []string{"*.c", "*.cpp"}, cpp: true}
)

type clangSources struct {
	patterns []string
	cpp      bool
}

// clangVersion matches what `clang --version` starts with.
var clangVersion = regexp.MustCompile(`clang version ((?:1[4-9]|[2-9][0-9])\.[0-9.]+)`)

// clangTools are a compiler and the linker that reads its files.
type clangTools struct{ compiler, linker string }

func findClang(ctx context.Context, sources clangSources) (*Toolchain, error) {
	compiler, err := program("clang", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14")
	if err != nil {
		return nil, err
	}
	text, err := output(ctx, "", nil, compiler, "--version")
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w: %s", compiler, err, text)
	}
	version := clangVersion.FindStringSubmatch(text)
	if version == nil {
		first, _, _ := strings.Cut(text, "\n")
		return nil, fmt.Errorf("%s is too old: %s", compiler, first)
	}
	if targets, err := output(ctx, "", nil, compiler, "-print-targets"); err != nil || !strings.Contains(targets, "wasm32") {
		return nil, fmt.Errorf("%s has no target wasm32", compiler)
	}
	linker, err := linkerOf(ctx, compiler)
	if err != nil {
		return nil, err
	}
	tools := clangTools{compiler: compiler, linker: linker}
	return &Toolchain{Version: "clang-" + version[1], compile: func(ctx context.Context, dir, out string) error {
		return tools.build(ctx, sources, dir, out)
	}}, nil
}

// linkerOf asks the compiler for the linker of its own release.
func linkerOf(ctx context.Context, compiler string) (string, error) {
	text, err := output(ctx, "", nil, compiler, "--target=wasm32", "-print-prog-name=wasm-ld")
	if err == nil && filepath.IsAbs(text) {
		return text, nil
	}
	suffix := strings.TrimPrefix(filepath.Base(compiler), "clang")
	return program("wasm-ld"+suffix, "wasm-ld")
}

// build compiles each source by itself and links them.
func (c clangTools) build(ctx context.Context, sources clangSources, dir, out string) error {
	all, err := sources.of(dir)
	if err != nil {
		return err
	}
	flags := append(slices.Clone(clangFlags), "-ffile-prefix-map="+dir+"=.")
	library, folders, err := sources.library(dir)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		flags = append(flags, "-ffile-prefix-map="+folder+"=wraft", "-I", folder)
	}
	var objects []string
	for i, source := range append(all, library...) {
		object := filepath.Join(filepath.Dir(out), fmt.Sprintf("%d.o", i))
		args := append(append(slices.Clone(flags), flagsOf(source)...), "-c", source, "-o", object)
		if err := run(ctx, dir, nil, c.compiler, args...); err != nil {
			return err
		}
		objects = append(objects, object)
	}
	return run(ctx, dir, nil, c.linker, append(append(slices.Clone(linkFlags), "-o", out), objects...)...)
}

// library finds the files of the guest library and the folders of its headers.
func (s clangSources) library(dir string) (files, folders []string, err error) {
	c, err := sdk(dir, "wraft.h", "c")
	if err != nil {
		return nil, nil, err
	}
	files = []string{filepath.Join(c, "wraft.c"), filepath.Join(c, "wraft_memory.c")}
	if !s.cpp {
		return files, []string{c}, nil
	}
	cpp, err := sdk(dir, "wraft.hpp", "cpp")
	if err != nil {
		return nil, nil, err
	}
	return append(files, filepath.Join(cpp, "wraft_cpp.cpp")), []string{cpp, c}, nil
}

// flagsOf picks the flags for a kind of source.
func flagsOf(source string) []string {
	switch {
	case filepath.Base(source) == "wraft_memory.c":
		return memoryFlags
	case filepath.Ext(source) == ".cpp":
		return cppFlags
	}
	return cFlags
}

// of lists the sources of a project, ascending, without its native tests.
func (s clangSources) of(dir string) ([]string, error) {
	var names []string
	for _, pattern := range s.patterns {
		found, err := filepath.Glob(filepath.Join(escaped(dir), pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			name := filepath.Base(path)
			if !strings.HasSuffix(strings.TrimSuffix(name, filepath.Ext(name)), "_test") {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil, &BuildError{Output: "no sources " + strings.Join(s.patterns, ", ") + " in the folder", Cause: errors.New("nothing to compile")}
	}
	slices.Sort(names)
	return names, nil
}

// sdk finds the guest library that a project uses, by a file in its root: in the
// project's folder wraft, where `plugin new` puts it, or in the repository, which
// the project is part of then and where the library's folder is named folder.
func sdk(dir, file, folder string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		for _, candidate := range []string{filepath.Join(at, "wraft"), filepath.Join(at, "sdk", folder)} {
			if _, err := os.Stat(filepath.Join(candidate, file)); err == nil {
				return candidate, nil
			}
		}
		if at == filepath.Dir(at) {
			text := fmt.Sprintf("no %s: copy sdk/%s of the wraft repository into the project's folder wraft", file, folder)
			return "", &BuildError{Output: text, Cause: errors.New("the guest library is missing")}
		}
	}
}
