package storage

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/wraft/wraft/raft"
)

// exitVariable names the data directory of a process that this test starts.
const exitVariable = "WRAFT_TEST_EXIT"

// TestExitOnAFailedSync runs a process that commits until a sync of its log fails: it ends
// by itself, with a failure, and says which file, what and what to do.
func TestExitOnAFailedSync(t *testing.T) {
	if dir := os.Getenv(exitVariable); dir != "" {
		commitUntilTheDiskFails(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestExitOnAFailedSync$")
	cmd.Env = append(os.Environ(), exitVariable+"="+t.TempDir())
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != ExitCode {
		t.Fatalf("%v: %s", err, &said)
	}
	for _, word := range []string{"WRAFT-7009", "replace the disk", ".log", "input/output error", "committed 3"} {
		if !strings.Contains(said.String(), word) {
			t.Errorf("it does not say %q: %s", word, &said)
		}
	}
	if strings.Contains(said.String(), "committed 4") {
		t.Errorf("it went on: %s", &said)
	}
}

func commitUntilTheDiskFails(t *testing.T, dir string) {
	var fails atomic.Bool
	disk := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if fails.Load() && inLog(isSync)(op) {
			return &fs.PathError{Op: "sync", Path: op.Path, Err: syscall.EIO}
		}
		return nil
	}))
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := Open(dir, Options{FS: disk, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, 1)
	for i := 1; i <= 10; i++ {
		fails.Store(i == 4) // once: nobody may try again and believe it
		if err := s.Commit([]GroupWrite{appendWrite(1, 1, commands(raft.Index(i), 1, 1))}); err != nil {
			t.Fatal(err)
		}
		log.Info("committed " + string(rune('0'+i)))
	}
}
