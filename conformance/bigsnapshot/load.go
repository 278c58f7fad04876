package bigsnapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wraft/wraft/conformance/child"
)

// load is a process that adds to all machines, see Load, and what it told of each write.
//
// Why a process: this one carries all packets of the transfer, and who writes would wait
// for its processors and not for the nodes'.
type load struct {
	process *child.Process
	input   *os.File      // closed to end it
	heard   chan struct{} // closed when all it told was heard

	mu       sync.Mutex // guards what follows
	samples  []sample
	added    map[string]int64
	problems []error
}

// sample is one acknowledged write.
type sample struct {
	began time.Time
	took  time.Duration
}

// startLoad has a process write to each machine until stop. Empty processors are all.
func startLoad(clusterDir, processors string, endpoints, machines []string) (*load, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("bigsnapshot: load: %w", err)
	}
	args := append([]string{program, "-load-of", clusterDir, "-endpoints", strings.Join(endpoints, ",")}, machines...)
	if processors != "" {
		args = append([]string{"taskset", "-c", processors}, args...)
	}
	input, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("bigsnapshot: load: %w", err)
	}
	defer input.Close() // the process has descriptors of its own
	out, output, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bigsnapshot: load: %w", err), in.Close())
	}
	defer output.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, output, os.Stderr
	l := &load{input: in, heard: make(chan struct{}), added: map[string]int64{}}
	if l.process, err = child.Start(cmd); err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	go func() {
		defer close(l.heard)
		defer out.Close()
		l.hear(out)
	}()
	return l, nil
}

// hear takes down what the process tells, a line a write, until it ends.
func (l *load) hear(told io.Reader) {
	lines := bufio.NewScanner(told)
	for lines.Scan() {
		machine, s, answer, err := parseWrite(lines.Text())
		if err == nil {
			err = l.note(machine, s, answer)
		}
		if err != nil {
			l.mu.Lock()
			l.problems = append(l.problems, fmt.Errorf("bigsnapshot: write to %s: %w", machine, err))
			l.mu.Unlock()
		}
	}
}

// note takes a write into account, whose answer must count all those before.
func (l *load) note(machine string, s sample, answer string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples = append(l.samples, s)
	l.added[machine]++
	if want := strconv.FormatInt(l.added[machine], 10); answer != want {
		if counts, err := strconv.ParseInt(answer, 10, 64); err == nil {
			l.added[machine] = counts // so that one loss is one problem, and not one for each write behind it
		}
		return fmt.Errorf("answer %q, want %s: a write was lost or doubled", answer, want)
	}
	return nil
}

// p99 is that of the writes that began in a window, and how many there were.
func (l *load) p99(from, to time.Time) (time.Duration, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var took []time.Duration
	for _, s := range l.samples {
		if !s.began.Before(from) && s.began.Before(to) {
			took = append(took, s.took)
		}
	}
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)*99/100], len(took)
}

// stop ends the load and returns what it added to each machine.
func (l *load) stop() (map[string]int64, []error) {
	err := l.input.Close()
	if ended := l.process.Wait(); ended != nil {
		err = errors.Join(err, fmt.Errorf("bigsnapshot: load: %w", ended))
	}
	<-l.heard
	if err != nil {
		l.problems = append(l.problems, err)
	}
	return l.added, l.problems
}

// keepTo has this process run on some processors only, as in taskset -c.
func keepTo(processors string) error {
	out, err := exec.Command("taskset", "-a", "-c", "-p", processors, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("bigsnapshot: taskset (of util-linux): %w: %s", err, out)
	}
	return nil
}
