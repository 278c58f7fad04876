package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/internal/project"
	"github.com/wraft/wraft/internal/toolchain"
)

// TestPluginsOfEachLanguage goes from nothing to an answer of three replicas, in
// every language whose compiler is here: plugin new, build, test, deploy, call.
func TestPluginsOfEachLanguage(t *testing.T) {
	skipShort(t)
	c := startCluster(t, within(t, buildTimeout), "plugins")
	for _, language := range toolchain.Known() {
		t.Run(language, func(t *testing.T) {
			_, err := toolchain.Find(language)
			var missing *toolchain.MissingError
			var unknown *toolchain.UnknownError
			if errors.As(err, &missing) || errors.As(err, &unknown) || !slices.Contains(project.Languages(), language) {
				t.Skipf("%s is not tested here: %v; languages with a template: %v", language, err, project.Languages())
			}
			if err != nil {
				t.Fatal(err)
			}
			fromNothing(t, c, language)
		})
	}
}

// fromNothing runs the commands of an author's first ten minutes.
func fromNothing(t *testing.T, c *cluster.Cluster, language string) {
	dir := filepath.Join(t.TempDir(), "counter")
	machine := "counter-" + language
	for _, step := range []struct {
		args []string
		want string // the whole standard output; "" for any
	}{
		{args: []string{"plugin", "new", "counter", "--lang", language, "--dir", dir}},
		{args: []string{"plugin", "build", dir}},
		{args: []string{"plugin", "test", dir, "--commands", "64", "--fuzz", "8"}},
		{args: []string{"plugin", "run", dir, "--call", "incr"}, want: "call incr\nwant {\"value\":1}\n"},
		{args: []string{"deploy", filepath.Join(dir, "counter.wasm"), "--name", machine, "--timeout", "5m"}},
		{args: []string{"call", machine, "incr", "--timeout", "5m"}, want: `{"value":1}`},
		{args: []string{"call", machine, "add 41", "--timeout", "5m"}, want: `{"value":42}`},
		{args: []string{"query", machine, "get", "--timeout", "5m"}, want: `{"value":42}`},
	} {
		r := c.Wraftd(within(t, buildTimeout), step.args...)
		if r.Code != 0 || step.want != "" && r.Stdout != step.want {
			t.Fatalf("wraftd %v: exit code %d, want 0 and %q\n%s%s", step.args, r.Code, step.want, r.Stdout, r.Stderr)
		}
	}
	followPage(t, dir, language)
}

// withOwnCompiler are the languages whose native tests want what npm installs;
// internal/wasmtest runs those of their templates.
var withOwnCompiler = []string{"assemblyscript", "zig"}

// followPage runs what a new project's README says about the project's native tests, and
// looks that each of its lines with wraftd is a step of fromNothing.
func followPage(t *testing.T, dir, language string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for line := range strings.Lines(string(page)) {
		line, isCommand := strings.CutPrefix(line, "    ")
		line, _, _ = strings.Cut(line, "  ") // a remark follows
		line = strings.TrimSpace(line)
		steps := []string{"wraftd plugin build", "wraftd plugin test", "wraftd plugin run --call incr", "wraftd deploy counter.wasm", "wraftd call counter incr"}
		if !isCommand || slices.Contains(steps, line) || slices.Contains(withOwnCompiler, language) && !strings.HasPrefix(line, "wraftd") {
			continue
		}
		ran++
		cmd := exec.CommandContext(within(t, buildTimeout), "sh", "-c", line)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CARGO_NET_OFFLINE=true", "GOFLAGS=-mod=mod", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	if ran == 0 && !slices.Contains(withOwnCompiler, language) {
		t.Error("the README names no native tests")
	}
}
