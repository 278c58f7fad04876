package transcript

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/wraft/wraft/conformance/child"
)

// Session is a running shell.
type Session struct {
	shell      *exec.Cmd
	input      io.WriteCloser
	lines      chan string // of the shell's output; closed when it ends
	marker     string
	env        []string
	dir        string
	background []*child.Process
}

// outputLinesMax bounds what waits to be compared.
const outputLinesMax = 10000

// stopGrace is how long a background command may take to end after SIGTERM.
const stopGrace = time.Minute

// Start runs a bash in a folder, with an environment.
func Start(dir string, env []string) (*Session, error) {
	s := &Session{shell: exec.Command("bash", "--noprofile", "--norc"), lines: make(chan string, outputLinesMax),
		marker: fmt.Sprintf("end-of-command-%d", os.Getpid()), env: env, dir: dir}
	s.shell.Dir, s.shell.Env = dir, env
	input, err := s.shell.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("transcript: %w", err)
	}
	output, err := s.shell.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("transcript: %w", err)
	}
	s.shell.Stderr = s.shell.Stdout // one terminal shows both
	s.input = input
	if err := s.shell.Start(); err != nil {
		return nil, fmt.Errorf("transcript: start bash: %w", err)
	}
	go scan(output, s.lines)
	return s, nil
}

// scan hands a stream on line by line and closes the channel at its end.
func scan(r io.Reader, lines chan<- string) {
	defer close(lines)
	for in := bufio.NewScanner(r); in.Scan(); {
		lines <- in.Text()
	}
}

// Run runs one command and compares its output and its exit code, which must be
// 0. The error names the line of the page and shows both texts.
func (s *Session) Run(ctx context.Context, c Command) error {
	if c.Background {
		return s.runBackground(ctx, c)
	}
	// Why: a command must not read the commands that follow it.
	if _, err := fmt.Fprintf(s.input, "{ %s\n} </dev/null; echo \"%s $?\"\n", c.Text, s.marker); err != nil {
		return fmt.Errorf("transcript: line %d: %s: %w", c.Line, c.Text, err)
	}
	var got []string
	for {
		line, err := next(ctx, s.lines)
		if err != nil {
			return mismatch(c, got, err.Error())
		}
		// The marker follows directly on output that does not end its line.
		if before, code, ended := strings.Cut(line, s.marker+" "); ended {
			if before != "" {
				got = append(got, before)
			}
			return verdict(c, got, code)
		}
		got = append(got, line)
	}
}

func verdict(c Command, got []string, code string) error {
	if code != "0" {
		return mismatch(c, got, "exit code "+code)
	}
	if !Match(c.Want, got) {
		return mismatch(c, got, "the output differs")
	}
	return nil
}

// runBackground starts a command beside the shell and returns once it has
// printed what the page shows.
func (s *Session) runBackground(ctx context.Context, c Command) error {
	cmd := exec.Command("bash", "--noprofile", "--norc", "-c", "exec "+c.Text)
	cmd.Dir, cmd.Env = s.dir, s.env
	output, input, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("transcript: line %d: %w", c.Line, err)
	}
	cmd.Stdout, cmd.Stderr = input, input
	process, err := child.Start(cmd)
	input.Close() // the process has a descriptor of its own
	if err != nil {
		output.Close()
		return fmt.Errorf("transcript: line %d: %s: %w", c.Line, c.Text, err)
	}
	s.background = append(s.background, process)
	lines := make(chan string, outputLinesMax)
	go func() {
		defer output.Close()
		scan(output, lines)
	}()
	var got []string
	for !Match(append(c.Want[:len(c.Want):len(c.Want)], "..."), got) {
		line, err := next(ctx, lines)
		if err != nil {
			return mismatch(c, got, err.Error())
		}
		got = append(got, line)
	}
	go func() {
		for range lines { // keep the pipe from filling up
		}
	}()
	return nil
}

// next waits for one line.
func next(ctx context.Context, lines <-chan string) (string, error) {
	select {
	case line, ok := <-lines:
		if !ok {
			return "", errors.New("it ended")
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func mismatch(c Command, got []string, why string) error {
	return fmt.Errorf("transcript: line %d: %s: %s\nthe page says:\n\t%s\nit printed:\n\t%s", c.Line, c.Text, why,
		strings.Join(c.Want, "\n\t"), strings.Join(got, "\n\t"))
}

// Close ends the background commands with SIGTERM (SIGKILL if they don't end),
// then the shell. It reports commands that did not end well.
func (s *Session) Close() error {
	var errs []error
	for _, p := range s.background {
		errs = append(errs, stop(p))
	}
	s.input.Close()
	go func() {
		for range s.lines {
		}
	}()
	return errors.Join(append(errs, s.shell.Wait())...)
}

func stop(p *child.Process) error {
	// Errors mean that it has ended already; Wait tells how.
	p.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(stopGrace, func() { p.Signal(syscall.SIGKILL) })
	defer timer.Stop()
	if err := p.Wait(); err != nil {
		return fmt.Errorf("transcript: a background command ended with: %w", err)
	}
	return nil
}
