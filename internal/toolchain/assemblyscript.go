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
		name:    "assemblyscript",
		install: "Node 20 or newer, and AssemblyScript 0.28: npm install assemblyscript@0.28.20 in the project",
		find:    findAssemblyScript,
		detects: func(dir string) bool { return has(dir, "asconfig.json") },
	})
}

// assemblyScriptEnvironment keeps the author's settings of Node from reaching the
// compiler.
var assemblyScriptEnvironment = []string{"NODE_OPTIONS=", "NODE_PATH="}

// assemblyScriptVersion matches what the compiler says of itself. Releases before
// 1.0 may change the language, so each one is tested before it is taken.
var assemblyScriptVersion = regexp.MustCompile(`^Version (0\.28\.[0-9]+)$`)

// assemblyScriptCompiler is the compiler's program below node_modules.
const assemblyScriptCompiler = "assemblyscript/bin/asc.js"

// findAssemblyScript finds the compiler as the package that the project has, that
// .ci/toolchains installed, or as asc in PATH, which is a link to the same file.
func findAssemblyScript(ctx context.Context) (*Toolchain, error) {
	node, err := program("node")
	if err != nil {
		return nil, err
	}
	compiler, err := npmFile("assemblyscript", assemblyScriptCompiler)
	if err != nil {
		linked, missing := program("asc")
		if missing != nil {
			return nil, errors.Join(err, missing)
		}
		if compiler, err = filepath.EvalSymlinks(linked); err != nil {
			return nil, err
		}
	}
	text, err := output(ctx, "", assemblyScriptEnvironment, node, compiler, "--version")
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w: %s", compiler, err, text)
	}
	version := assemblyScriptVersion.FindStringSubmatch(text)
	if version == nil {
		return nil, fmt.Errorf("%s is another release: %s", compiler, text)
	}
	// Why no flags for the code: they stand in the project's asconfig.json, which
	// takes those of the SDK over, so that `npx asc` builds the same module.
	return &Toolchain{Version: "assemblyscript-" + version[1], compile: func(ctx context.Context, dir, out string) error {
		return run(ctx, dir, assemblyScriptEnvironment, node, compiler, "--config", "asconfig.json", "--noColors", "--outFile", out)
	}}, nil
}
