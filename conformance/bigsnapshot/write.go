package bigsnapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/cluster"
)

// loadPause is what a worker rests between two writes: the load shows what others
// suffer and is not to be one itself.
const loadPause = 25 * time.Millisecond

// Load adds to the machines of the cluster in a folder until input ends, a worker each, and
// tells of each write in a line. The error is of a write that failed.
func Load(ctx context.Context, clusterDir string, endpoints, machines []string, input io.Reader, output io.Writer) error {
	tls, err := cluster.ClientTLS(filepath.Join(clusterDir, "client"))
	if err != nil {
		return err
	}
	cl, err := client.New(client.Config{Endpoints: endpoints, TLS: tls, AttemptsMax: 1 << 20, Timeout: 10 * time.Minute})
	if err != nil {
		return fmt.Errorf("bigsnapshot: %w", err)
	}
	defer cl.Close()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_, _ = io.Copy(io.Discard, input) // its end is what counts
	}()
	w := &writer{client: cl, stopped: stopped, output: output}
	var workers sync.WaitGroup
	problems := make([]error, len(machines))
	for i, machine := range machines {
		workers.Go(func() { problems[i] = w.write(ctx, machine) })
	}
	workers.Wait()
	return errors.Join(problems...)
}

// writer is the process of the load.
type writer struct {
	client  *client.Client
	stopped <-chan struct{}

	mu     sync.Mutex // guards output
	output io.Writer
}

// write adds to one machine. The last write is waited for, so that the sum is known.
func (w *writer) write(ctx context.Context, machine string) error {
	s, err := w.client.Register(ctx, machine)
	if err != nil {
		return fmt.Errorf("bigsnapshot: write to %s: %w", machine, err)
	}
	for {
		began := time.Now()
		r, err := s.Command(ctx, []byte("add 1"))
		if err == nil {
			err = w.tell(machine, sample{began, time.Since(began)}, string(r.Data))
		}
		if err != nil {
			return fmt.Errorf("bigsnapshot: write to %s: %w", machine, err)
		}
		select {
		case <-time.After(loadPause):
		case <-w.stopped:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell prints a write, see parseWrite.
func (w *writer) tell(machine string, s sample, answer string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := fmt.Fprintf(w.output, "%s %d %d %s\n", machine, s.began.UnixNano(), int64(s.took), answer)
	return err
}

// parseWrite reads what tell printed.
func parseWrite(line string) (machine string, s sample, answer string, err error) {
	var began, took int64
	if _, err := fmt.Sscan(line, &machine, &began, &took, &answer); err != nil {
		return "", sample{}, "", fmt.Errorf("a line %.80q of the load: %w", line, err)
	}
	return machine, sample{time.Unix(0, began), time.Duration(took)}, answer, nil
}
