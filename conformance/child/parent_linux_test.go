package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary stand in for a parent that starts a child, and
// for that child.
func TestMain(m *testing.M) {
	switch os.Getenv("CHILD_TEST_ROLE") {
	case "":
		os.Exit(m.Run())
	case "parent":
		p, err := Start(role("child", nil))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		p.Wait()
	case "child":
		for { // longer than any test
			<-time.After(time.Hour)
		}
	case "exit 3":
		os.Exit(3)
	}
}

func role(name string, out *os.File) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHILD_TEST_ROLE="+name)
	if out != nil {
		cmd.Stdout = out
	}
	return cmd
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

func TestChildDiesWithItsParent(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	parent, err := Start(role("parent", write))
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	var pid int
	if _, scanErr := fmt.Sscan(line, &pid); err != nil || scanErr != nil {
		t.Fatalf("the parent says %q: %v, %v", line, err, scanErr)
	}
	if !alive(pid) || !parent.Running() {
		t.Fatal("parent or child did not start")
	}
	if err := parent.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := parent.ExitCode(); code != -1 {
		t.Fatalf("a killed process has exit code %d", code)
	}
	for deadline := time.Now().Add(2 * time.Minute); alive(pid); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the child outlives its parent")
		}
	}
}

func TestExitCode(t *testing.T) {
	p, err := Start(role("exit 3", nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil || p.ExitCode() != 3 || p.Running() {
		t.Fatalf("Wait = %v, exit code %d, running %v", err, p.ExitCode(), p.Running())
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("a signal to a process that has ended: %v", err)
	}
}
