package toolchain

import (
	"context"
	"fmt"
	"regexp"
)

func init() {
	register(language{
		name:    "go",
		install: "Go 1.26 or newer (https://go.dev/dl)",
		find:    findGo,
		detects: func(dir string) bool { return has(dir, "go.mod", "*.go") },
	})
}

// goEnvironment is what changes a module besides its source and the compiler. Its
// author's settings must not: another workspace, flags of the host's builds, or a
// compiler that go.mod would have downloaded.
var goEnvironment = []string{
	"GOOS=wasip1", "GOARCH=wasm", "GOWASM=", "GOEXPERIMENT=", "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
}

// goFlags build a library that the host initialises (c-shared), without the paths
// of the builder, the state of version control and the tables of debuggers.
var goFlags = []string{"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"}

// goVersion matches the release in the guest library's go.mod and newer ones.
var goVersion = regexp.MustCompile(`\bgo1\.(2[6-9]|[3-9][0-9]|[1-9][0-9]{2,})[^ ]*`)

func findGo(ctx context.Context) (*Toolchain, error) {
	compiler, err := program("go")
	if err != nil {
		return nil, err
	}
	text, err := output(ctx, "", []string{"GOTOOLCHAIN=local"}, compiler, "version")
	if err != nil {
		return nil, fmt.Errorf("%s version: %w: %s", compiler, err, text)
	}
	version := goVersion.FindString(text)
	if version == "" {
		return nil, fmt.Errorf("%s is too old: %s", compiler, text)
	}
	return &Toolchain{Version: version, compile: func(ctx context.Context, dir, out string) error {
		return run(ctx, dir, goEnvironment, compiler, append(append([]string{}, goFlags...), "-o", out, ".")...)
	}}, nil
}
