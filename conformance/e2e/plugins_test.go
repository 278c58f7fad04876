package e2e

import (
	"errors"
	"path/filepath"
	"slices"
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
}
