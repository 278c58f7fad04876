package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary stand in for a program that is started, asked to
// end and killed.
func TestMain(m *testing.M) {
	switch os.Getenv("CLUSTER_TEST_ROLE") {
	case "":
		os.Exit(m.Run())
	case "polite":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Println("up")
		<-stop
		fmt.Println("down")
		os.Exit(7)
	case "deaf":
		heard := make(chan os.Signal, 1)
		signal.Notify(heard, syscall.SIGTERM)
		fmt.Println("up")
		for {
			<-heard // and go on
		}
	}
}

// startRole runs the test binary in a role and returns once it is up.
func startRole(t *testing.T, role string) *Node {
	t.Helper()
	n := &Node{ID: 1, Dir: t.TempDir()}
	p, err := startProcess(n.LogFile(), os.Args[0], append(os.Environ(), "CLUSTER_TEST_ROLE="+role))
	if err != nil {
		t.Fatal(err)
	}
	n.process = p
	t.Cleanup(func() { n.Kill() })
	for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(n.LogTail(100), "up"); {
		if time.Now().After(deadline) {
			t.Fatalf("the %s process does not come up: %s", role, n.LogTail(1000))
		}
		<-time.After(5 * time.Millisecond)
	}
	return n
}

func TestStopAsksAndReportsTheExitCode(t *testing.T) {
	n := startRole(t, "polite")
	if !n.Running() || n.PID() == 0 {
		t.Fatal("a started process does not run")
	}
	code, err := n.Stop(t.Context())
	if err != nil || code != 7 {
		t.Fatalf("Stop = %d, %v", code, err)
	}
	if n.Running() || !strings.HasSuffix(n.LogTail(100), "down\n") {
		t.Fatalf("running=%v, log %q", n.Running(), n.LogTail(100))
	}
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	n := startRole(t, "deaf")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Stop = %v", err)
	}
	if n.Running() {
		t.Fatal("the process outlives Stop")
	}
}

func TestKillIsFinalAndRepeatable(t *testing.T) {
	n := startRole(t, "deaf")
	for range 2 {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if code, err := n.Wait(t.Context()); code != -1 || err != nil {
		t.Fatalf("Wait = %d, %v; a killed process has no exit code", code, err)
	}
}

func TestStartOfAMissingProgram(t *testing.T) {
	dir := t.TempDir()
	if _, err := startProcess(filepath.Join(dir, "log"), filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("err = %v", err)
	}
}

func TestPlainEnvHasNoWraftVariable(t *testing.T) {
	t.Setenv("WRAFT_SERVER", "https://elsewhere")
	for _, v := range (&Cluster{}).plainEnv() {
		if strings.HasPrefix(v, "WRAFT_") {
			t.Error(v)
		}
	}
}
