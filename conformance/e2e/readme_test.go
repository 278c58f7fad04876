package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/conformance/cluster"
	"github.com/wraft/wraft/conformance/transcript"
	"github.com/wraft/wraft/internal/ports"
)

// TestReadme runs the README's first ten minutes word for word, but for two
// things a reader has and a test has not: the repository as working directory
// (what make builds goes to a folder of the test) and a free port 7443.
func TestReadme(t *testing.T) {
	skipShort(t)
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	root, err := cluster.Root()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands, err := transcript.Parse(string(page))
	if err != nil {
		t.Fatal(err)
	}
	if len(commands) < 8 {
		t.Fatalf("the README has only %d commands", len(commands))
	}
	ctx := within(t, buildTimeout+2*readerPatience)
	dir := t.TempDir()
	session, err := transcript.Start(dir, readerEnv(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}()
	address := freeAddress(t)
	swap := strings.NewReplacer("127.0.0.1:7443", address)
	for _, c := range commands {
		began := time.Now()
		if err := runOne(ctx, session, asTest(c, root, dir, swap, address)); err != nil {
			t.Fatalf("README.md: %v", err)
		}
		t.Logf("%5.2fs  %s", time.Since(began).Seconds(), c.Text)
	}
}

// readerPatience is how long a reader waits for one command; make may take longer.
const readerPatience = 2 * time.Minute

// runOne bounds a command by a reader's patience, so that what it printed is seen
// before the whole test runs out of time.
func runOne(ctx context.Context, session *transcript.Session, c transcript.Command) error {
	if !strings.HasPrefix(c.Text, "make ") {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, readerPatience)
		defer cancel()
	}
	return session.Run(ctx, c)
}

// asTest is the command as the test has to run it, and what it then prints.
func asTest(c transcript.Command, root, dir string, swap *strings.Replacer, address string) transcript.Command {
	for i, line := range c.Want {
		c.Want[i] = swap.Replace(line)
	}
	switch {
	case strings.HasPrefix(c.Text, "make "):
		c.Text += " -C " + root + " BIN=" + filepath.Join(dir, "bin") + " BUILD=" + filepath.Join(dir, "build")
	case strings.HasPrefix(c.Text, "wraftd dev"):
		// Background commands don't see what the session exports.
		c.Text = filepath.Join(dir, "bin", c.Text) + " --api-port " + strings.TrimPrefix(address, "127.0.0.1:")
	default:
		c.Text = swap.Replace(c.Text)
	}
	return c
}

// readerEnv is an environment without any trace of wraft.
func readerEnv(dir string) []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "WRAFT_") && !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS") {
			out = append(out, v)
		}
	}
	return append(out, "NO_COLOR=1", "TMPDIR="+dir)
}

// freeAddress is one whose port nobody uses, nor the two that follow, which the dev cluster
// takes as well.
func freeAddress(t *testing.T) string {
	t.Helper()
	first, err := ports.Row(3)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", first)
}
