package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/child"
)

// Node is one member of the cluster: a folder, its addresses and, between Start
// and Kill or Stop, a process.
type Node struct {
	ID client.NodeID
	// API (TCP) and Peer (UDP) are the loopback addresses it serves.
	API, Peer string
	// Dir holds its configuration, its certificate, its data and its log.
	Dir string

	cluster *Cluster

	// mu guards what follows: process is nil before the first start, program empty for the cluster's.
	mu      sync.Mutex
	process *child.Process
	program string
	// processors are those of the next start, as in taskset -c; empty: all.
	processors string
}

// URL is the base of the node's HTTPS paths.
func (n *Node) URL() string { return "https://" + n.API }

// LogFile is where everything the node's processes print is appended.
func (n *Node) LogFile() string { return filepath.Join(n.Dir, "wraftd.log") }

// DataDir holds what the node must not lose.
func (n *Node) DataDir() string { return filepath.Join(n.Dir, "data") }

// ConfigFile is the node's configuration, written by wraftd init.
func (n *Node) ConfigFile() string { return filepath.Join(n.Dir, "wraft.yaml") }

// Start runs `wraftd run` for the node. A node that runs is an error.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil && n.process.Running() {
		return fmt.Errorf("cluster: node %d runs already", n.ID)
	}
	args := append([]string{"run", "--config", n.ConfigFile()}, n.cluster.flags...)
	program := cmp.Or(n.program, n.cluster.wraftd)
	if n.processors != "" {
		// Why it is still the node's process: taskset becomes the program.
		program, args = "taskset", append([]string{"-c", n.processors, program}, args...)
	}
	p, err := startProcess(n.LogFile(), program, n.cluster.plainEnv(), args...)
	if err != nil {
		return err
	}
	n.process = p
	return nil
}

// Use has the node's next start run another program, as when its release is changed.
func (n *Node) Use(program string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.program = program
}

// KeepTo has the node's next start keep to some of the machine's processors, as in taskset -c (of
// util-linux), such as "0" or "0,2-3": as if others were on other machines.
func (n *Node) KeepTo(processors string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.processors = processors
}

// Kill ends the process as kill -9 does and waits until it is gone. A node that
// does not run is left alone.
func (n *Node) Kill() error {
	p := n.current()
	if p == nil {
		return nil
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	p.Wait() // SIGKILL cannot be refused
	return nil
}

// Pause freezes the process as SIGSTOP does, until Resume or Kill. A node that does
// not run is left alone.
func (n *Node) Pause() error { return n.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

func (n *Node) signal(s syscall.Signal) error {
	if p := n.current(); p != nil {
		return p.Signal(s)
	}
	return nil
}

// Stop asks the process to end with SIGTERM and returns its exit code. When ctx
// ends first, the process is killed and the error says so.
func (n *Node) Stop(ctx context.Context) (int, error) {
	p := n.current()
	if p == nil {
		return 0, nil
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	code, err := exitCode(ctx, p)
	if err != nil {
		p.Signal(syscall.SIGKILL) // best effort: the error below says what matters
		p.Wait()
	}
	return code, err
}

// LoseDisk deletes everything the node has stored, as a disk does that is lost for
// ever. Its configuration and its certificate stay. No process of the node may run.
func (n *Node) LoseDisk() error {
	if n.Running() {
		return fmt.Errorf("cluster: node %d runs, its disk stays", n.ID)
	}
	if err := os.RemoveAll(n.DataDir()); err != nil {
		return fmt.Errorf("cluster: lose the disk of node %d: %w", n.ID, err)
	}
	return nil
}

// FailSyncs has all syncs of the node's disk fail from now on, or no more. Its program must have
// been built with the tag Brittle.
func (n *Node) FailSyncs(fail bool) error {
	file := n.DataDir() + ".fail"
	if !fail {
		return os.RemoveAll(file)
	}
	return os.WriteFile(file, nil, 0o600)
}

// FillDisk leaves that many bytes of the node's disk free, until FreeDisk. Its program must have
// been built with the tag Brittle.
func (n *Node) FillDisk(left uint64) error {
	used, err := n.usedBytes()
	size := n.DataDir() + ".size"
	if err == nil { // Why by another name: the node may read it at any time
		err = os.WriteFile(size+".new", []byte(strconv.FormatUint(used+left, 10)), 0o600)
	}
	if err == nil {
		err = os.Rename(size+".new", size)
	}
	if err != nil {
		return fmt.Errorf("cluster: fill the disk of node %d: %w", n.ID, err)
	}
	return nil
}

// usedBytes is what the node's files take, but for compiled code, whose place does not end.
func (n *Node) usedBytes() (sum uint64, err error) {
	err = filepath.WalkDir(n.DataDir(), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it is gone meanwhile
			return nil
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "cache":
			return filepath.SkipDir
		case entry.Type().IsRegular():
			if info, err := entry.Info(); err == nil {
				sum += uint64(info.Size())
			}
		}
		return nil
	})
	return sum, err
}

// FreeDisk gives the node its disk back.
func (n *Node) FreeDisk() error { return os.RemoveAll(n.DataDir() + ".size") }

// Running reports whether the node has a living process.
func (n *Node) Running() bool {
	p := n.current()
	return p != nil && p.Running()
}

// Wait returns the exit code once the node's process has ended by itself, -1 when
// a signal ended it.
func (n *Node) Wait(ctx context.Context) (int, error) {
	p := n.current()
	if p == nil {
		return 0, fmt.Errorf("cluster: node %d was never started", n.ID)
	}
	return exitCode(ctx, p)
}

// PID is the process ID of the node's last process, 0 before the first.
func (n *Node) PID() int {
	if p := n.current(); p != nil {
		return p.PID()
	}
	return 0
}

// LogTail is the end of the node's log, at most bytesMax long.
func (n *Node) LogTail(bytesMax int) string {
	text, err := os.ReadFile(n.LogFile())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-bytesMax):])
}

func (n *Node) current() *child.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}
