package cluster

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wraft/wraft/internal/toolchain"
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
	if err := noteSources(root); err != nil {
		return "", err
	}
	program := filepath.Join(dir, "wraftd")
	return program, goBuild(ctx, root, "-o", program, "./cmd/wraftd")
}

// BuildVersion is Build of a program that calls itself by a version, wraftd-VERSION in dir.
// With Brittle among the tags its disk can be made to fail, see Node.FailSyncs.
func BuildVersion(ctx context.Context, dir, version string, tags ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "wraftd-"+version)
	return program, goBuild(ctx, root, "-tags", strings.Join(tags, ","), "-ldflags", "-X "+versionVariable+"="+version, "-o", program, "./cmd/wraftd")
}

// BuildPlanted is Build of a program with a bug of package raft/mutant in it, by its name:
// what judges a cluster has to notice.
func BuildPlanted(ctx context.Context, dir, bug string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "wraftd-"+bug)
	return program, goBuild(ctx, root, "-tags", "mutants,"+Brittle, "-ldflags", "-X "+bugVariable+"="+bug, "-o", program, "./cmd/wraftd")
}

// Brittle is the tag of builds whose disks can be made to fail.
const Brittle = "brittle"

// bugVariable names the planted bug, in a build with the tag mutants.
const bugVariable = "github.com/wraft/wraft/raft/mutant.planted"

// versionVariable is where the linker puts a released program's version.
const versionVariable = "github.com/wraft/wraft/internal/server.version"

// BuildModule compiles the guest in folder, relative to the repository's root, with
// the compiler of its language into the file out.
func BuildModule(ctx context.Context, folder, out string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, folder)
	language, err := toolchain.Detect(dir)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	compiler, err := toolchain.Find(language)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return compiler.BuildKept(ctx, root, dir, out)
}

// noteSources opens every file a build below root may read. Why: the go command
// keeps the result of a test until a file changes that the test itself opened; it
// does not see what a build that the test started has read.
func noteSources(root string) error {
	libraries := filepath.Join(root, "sdk") + string(filepath.Separator)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return fmt.Errorf("cluster: look at the sources: %w", err)
		case d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") || name == "go.mod" ||
			d.Type().IsRegular() && strings.HasPrefix(path, libraries): // embedded, whatever their language
			f, err := os.Open(path)
			if err != nil {
				return fmt.Errorf("cluster: look at the sources: %w", err)
			}
			return f.Close()
		}
		return nil
	})
}

func goBuild(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cluster: go build in %s: %w\n%s", dir, err, out)
	}
	return nil
}
