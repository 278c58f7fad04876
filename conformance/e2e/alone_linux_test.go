package e2e

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const (
	// aloneEnv is set in a process that has mounts of its own; its value is the work folder.
	aloneEnv = "WRAFT_E2E_ALONE"
	// noMounts is what such a process says when it may not mount anything.
	noMounts = "this process may not mount a file system"
)

// alone lets a test go on in a process whose mounts nobody else sees, and which go away
// with it whatever happens. It returns true there, false in the process that started it
// once it has ended. Without the right to such a process the test is skipped.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv(aloneEnv) != "" {
		return true
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), aloneEnv+"="+work)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if uid := os.Getuid(); uid != 0 { // Why: in a user namespace of one's own anybody may mount a tmpfs
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Skipf("no process with mounts of its own can be had here: %v", err)
	case strings.Contains(string(out), noMounts):
		t.Skip(noMounts)
	case err != nil:
		t.Errorf("%v:\n%s", err, out)
	default:
		t.Logf("%s", out)
	}
	return false
}
