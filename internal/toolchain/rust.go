package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

func init() {
	register(language{
		name: "rust",
		install: "Rust 1.63 or newer with the target wasm32-unknown-unknown" +
			" (rustup target add wasm32-unknown-unknown, or Debian: rustc libstd-rust-dev-wasm32 lld)",
		find:    findRust,
		detects: func(dir string) bool { return has(dir, "Cargo.toml") },
	})
}

// rustTarget is WebAssembly without WASI: a machine needs nothing of it.
const rustTarget = "wasm32-unknown-unknown"

// rustFlags compile the library and the machine alike, as one unit each, so that
// the number of processors doesn't show in the result.
var rustFlags = []string{
	"--edition", "2021", "--target", rustTarget, "--cap-lints", "warn",
	"-C", "opt-level=3", "-C", "codegen-units=1", "-C", "panic=abort", "-C", "debuginfo=0", "-C", "metadata=wraft",
}

// rustLinkFlags optimise the machine together with all it uses, and bound the stack,
// which lies in front of everything else: an overflow leaves memory and traps.
var rustLinkFlags = []string{"-C", "lto=fat", "-C", "strip=symbols", "-C", "link-arg=--stack-first", "-C", "link-arg=-zstack-size=262144"}

// Why cargo is not called: it wants to lock and to resolve, and the compiler it
// belongs to is often not the one that has the target.

// rustVersion matches the releases that know what sdk/rust uses.
var rustVersion = regexp.MustCompile(`^rustc (1\.(?:6[3-9]|[7-9][0-9]|[1-9][0-9]{2,})\.[0-9]+)`)

// findRust tries each rustc in PATH, then rustup's default place: the first one
// often lacks the target, which another has.
func findRust(ctx context.Context) (*Toolchain, error) {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".cargo", "bin"))
	}
	problem := errors.New("no rustc in PATH")
	for _, dir := range dirs {
		compiler, err := program(filepath.Join(dir, "rustc"))
		if err != nil {
			continue
		}
		version, err := rustOf(ctx, compiler)
		if err != nil {
			problem = err
			continue
		}
		return &Toolchain{Version: "rustc-" + version, compile: func(ctx context.Context, dir, out string) error {
			return buildRust(ctx, compiler, dir, out)
		}}, nil
	}
	return nil, problem
}

// rustOf is the version of a compiler, or why it can't be used.
func rustOf(ctx context.Context, compiler string) (string, error) {
	text, err := output(ctx, "", nil, compiler, "--version")
	if err != nil {
		return "", fmt.Errorf("%s --version: %w: %s", compiler, err, text)
	}
	version := rustVersion.FindStringSubmatch(text)
	if version == nil {
		return "", fmt.Errorf("%s is too old: %s", compiler, text)
	}
	root, err := output(ctx, "", nil, compiler, "--print", "sysroot")
	if err != nil {
		return "", fmt.Errorf("%s --print sysroot: %w: %s", compiler, err, root)
	}
	if !has(filepath.Join(root, "lib", "rustlib", rustTarget, "lib"), "libstd-*.rlib") {
		return "", fmt.Errorf("%s has no target %s", compiler, rustTarget)
	}
	return version[1], nil
}

// noStd matches the crates that go without the standard library.
var noStd = regexp.MustCompile(`(?m)^#!\[no_std\]`)

// buildRust compiles the library and then the machine, src/lib.rs.
func buildRust(ctx context.Context, compiler, dir, out string) error {
	library, err := sdk(dir, filepath.Join("src", "lib.rs"), "rust")
	if err != nil {
		return err
	}
	source, err := os.ReadFile(filepath.Join(dir, "src", "lib.rs"))
	if err != nil {
		return &BuildError{Output: "no src/lib.rs in the folder", Cause: err}
	}
	// The last one that fits counts, and the library may lie in the project.
	common := append(slices.Clone(rustFlags), "--remap-path-prefix", dir+"=.", "--remap-path-prefix", library+"=wraft")
	if !noStd.Match(source) {
		common = append(common, "--cfg", `feature="std"`)
	}
	crate := filepath.Join(filepath.Dir(out), "libwraft.rlib")
	args := append(slices.Clone(common), "--crate-type", "rlib", "--crate-name", "wraft", "-o", crate, "src/lib.rs")
	if err := run(ctx, library, nil, compiler, args...); err != nil {
		return err
	}
	args = append(append(slices.Clone(common), rustLinkFlags...), "--crate-type", "cdylib", "--crate-name", "machine",
		"--extern", "wraft="+crate, "-o", out, "src/lib.rs")
	return run(ctx, dir, nil, compiler, args...)
}
