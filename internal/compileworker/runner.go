package compileworker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wraft/wraft/plugins"
)

// Runner compiles artefacts in worker processes. It implements plugins.Compiler.
type Runner struct {
	// Command is the program and the arguments that make it a worker; the worker's
	// own arguments are appended.
	Command []string
	// Name is what the worker sees as its own name; empty: the program's.
	Name string
	// Limits bounds each worker.
	Limits Limits
}

var _ plugins.Compiler = (*Runner)(nil)

const (
	stderrBytesMax = 8 << 10
	stdoutBytesMax = 64 << 10
	// quietFor is how long a killed worker's pipes may stay open.
	quietFor = 5 * time.Second
)

// Limits by name, as they stand in a *plugins.CompilerError.
const (
	limitCPU    = "processor time"
	limitWall   = "time"
	limitMemory = "memory"
)

// Compile runs one worker. Errors: *plugins.RefusedError is the engine's verdict,
// *plugins.CompilerError a worker that exceeded a limit or died; the context's
// error when that ended before; anything else is trouble of this host.
func (r *Runner) Compile(ctx context.Context, artefact []byte, dir string) error {
	l := r.Limits.withDefaults()
	if err := l.Validate(); err != nil {
		return err
	}
	w := r.worker(dir, l)
	if err := w.start(); err != nil {
		return fmt.Errorf("compileworker: start a worker: %w", err)
	}
	reason := w.wait(ctx, artefact, l)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("compileworker: %w", err)
	}
	return w.verdict(reason, l)
}

// worker is one process and what it says.
type worker struct {
	cmd            *exec.Cmd
	in             io.WriteCloser
	stdout, stderr bounded
	killed         atomic.Pointer[string] // the limit for which it was killed
}

func (r *Runner) worker(dir string, l Limits) *worker {
	w := &worker{stdout: bounded{room: stdoutBytesMax}, stderr: bounded{room: stderrBytesMax}}
	w.cmd = exec.Command(r.Command[0], append(append([]string(nil), r.Command[1:]...), l.arguments(dir)...)...)
	if r.Name != "" {
		w.cmd.Args[0] = r.Name
	}
	// Why: a compiler may take one core and no more, and needs nothing of the
	// environment.
	w.cmd.Env = []string{"GOMAXPROCS=1", "GOTRACEBACK=single"}
	w.cmd.Stdout, w.cmd.Stderr = &w.stdout, &w.stderr
	w.cmd.WaitDelay = quietFor
	return w
}

func (w *worker) start() error {
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return err
	}
	w.in = in
	return w.cmd.Start()
}

// wait feeds the worker, watches it and returns how it ended.
func (w *worker) wait(ctx context.Context, artefact []byte, l Limits) error {
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.watch(ctx, done, l)
	}()
	// An error here shows in how the worker ends, which says more.
	_ = writeArtefact(w.in, artefact)
	err := w.cmd.Wait()
	close(done)
	<-watched
	return err
}

// watch kills the worker when its time is up, when it is too large, or when nobody
// wants it any more.
func (w *worker) watch(ctx context.Context, done <-chan struct{}, l Limits) {
	deadline := time.NewTimer(l.Wall)
	defer deadline.Stop()
	look := time.NewTicker(memoryCheckEvery)
	defer look.Stop()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			w.kill("")
			return
		case <-deadline.C:
			w.kill(limitWall)
			return
		case <-look.C:
			if residentBytes(w.cmd.Process.Pid) > l.MemoryBytes {
				w.kill(limitMemory)
				return
			}
		}
	}
}

func (w *worker) kill(limit string) {
	w.killed.Store(&limit)
	_ = w.cmd.Process.Kill() // fails only when it has ended
}

// verdict reads the answer of a worker that ended well, and finds out why another
// did not.
func (w *worker) verdict(ended error, l Limits) error {
	if ended == nil {
		return w.answer()
	}
	limit := ""
	var exit *exec.ExitError
	switch killed := w.killed.Load(); {
	case killed != nil:
		limit = *killed
	case w.exhausted():
		limit = limitMemory
	case w.cmd.ProcessState != nil && (w.spent() >= l.CPU || w.warned()):
		limit = limitCPU
	case !errors.As(ended, &exit):
		return fmt.Errorf("compileworker: %w", ended)
	}
	said, _, _ := strings.Cut(strings.TrimSpace(w.stderr.String()), "\n")
	return &plugins.CompilerError{Limit: limit, Allowed: l.allowed(limit), Text: strings.TrimSpace(ended.Error() + ": " + said)}
}

// warned says that the system ended the worker for its processor time. Why besides spent: the
// system keeps two accounts, and by the one it tells a worker may have had a little less.
func (w *worker) warned() bool { return strings.HasPrefix(w.stderr.String(), "SIGXCPU") }

func (w *worker) spent() time.Duration {
	return w.cmd.ProcessState.UserTime() + w.cmd.ProcessState.SystemTime()
}

// exhausted says that the worker itself found no memory left.
func (w *worker) exhausted() bool {
	said := w.stderr.String()
	return w.cmd.ProcessState.ExitCode() == exitMemory || strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory")
}

func (w *worker) answer() error {
	var a answer
	if err := json.Unmarshal(w.stdout.Bytes(), &a); err != nil {
		return fmt.Errorf("compileworker: the worker answered %.100q: %w", w.stdout.Bytes(), err)
	}
	switch {
	case a.Refused != nil:
		return a.Refused
	case a.Trouble != "":
		return fmt.Errorf("compileworker: %s", a.Trouble)
	}
	return nil
}

// allowed draws the value of a limit.
func (l Limits) allowed(limit string) string {
	switch limit {
	case limitCPU:
		return l.CPU.String()
	case limitWall:
		return l.Wall.String()
	case limitMemory:
		return fmt.Sprintf("%d MiB", l.MemoryBytes>>20)
	}
	return ""
}

// bounded keeps the first bytes of what is written and drops the rest.
type bounded struct {
	bytes.Buffer
	room int
}

// Write takes what there is room for and never fails.
func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.room)
	b.room -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}

// OwnProgram is the path of the program that runs. On Linux it names that very
// program, also when its file has been replaced since.
func OwnProgram() (string, error) {
	const linux = "/proc/self/exe"
	if _, err := os.Stat(linux); err == nil {
		return linux, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("compileworker: find this program: %w", err)
	}
	return path, nil
}
