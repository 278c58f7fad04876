package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Root is the top folder of the repository the working directory lies in.
func Root() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/wraft/wraft").Output()
	if err != nil {
		return "", fmt.Errorf("cluster: find the repository: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Build compiles wraftd from the repository into dir and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "wraftd")
	return program, goBuild(ctx, root, nil, "-o", program, "./cmd/wraftd")
}

// BuildModule compiles the guest in folder, relative to the repository's root,
// with the Go toolchain into the file out.
func BuildModule(ctx context.Context, folder, out string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	return goBuild(ctx, filepath.Join(root, folder), []string{"GOWORK=off", "GOFLAGS=", "GOOS=wasip1", "GOARCH=wasm"},
		"-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
}

func goBuild(ctx context.Context, dir string, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cluster: go build in %s: %w\n%s", dir, err, out)
	}
	return nil
}
