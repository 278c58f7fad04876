package compileworker

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/wraft/wraft/plugins"
)

// answer is what a worker writes to its standard output. An empty one says that
// the artefact was compiled.
type answer struct {
	Refused *plugins.RefusedError `json:"refused,omitempty"`
	Trouble string                `json:"trouble,omitempty"`
}

// exitMemory is the exit code of a worker that found itself too large.
const exitMemory = 66

// memoryCheckEvery is how often a worker and its parent look at its memory.
const memoryCheckEvery = 20 * time.Millisecond

// Work is the worker's side: it limits this process, reads an artefact from in (its
// length in 8 bytes, big-endian, and its bytes), compiles it into dir and writes
// the answer to out. The process ends when in does.
func Work(in io.Reader, out io.Writer, dir string, l Limits) error {
	l = l.withDefaults()
	if err := l.Validate(); err != nil {
		return err
	}
	if err := limitSelf(l); err != nil {
		return fmt.Errorf("compileworker: limit this process: %w", err)
	}
	debug.SetMemoryLimit(l.MemoryBytes / 4 * 3) // collect harder before the end
	go watchSelf(l.MemoryBytes)
	artefact, err := readArtefact(in)
	if err != nil {
		return fmt.Errorf("compileworker: read the artefact: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends when the parent does, whatever the error
		os.Exit(1)
	}()
	return json.NewEncoder(out).Encode(compile(artefact, dir))
}

func compile(artefact []byte, dir string) answer {
	err := plugins.CompileTo(context.Background(), artefact, dir)
	var refused *plugins.RefusedError
	switch {
	case err == nil:
		return answer{}
	case errors.As(err, &refused):
		return answer{Refused: refused}
	}
	return answer{Trouble: err.Error()}
}

var errTooLong = errors.New("too long")

func readArtefact(in io.Reader) ([]byte, error) {
	var length [8]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint64(length[:])
	if n > plugins.ArtefactBytesMax {
		return nil, fmt.Errorf("%d bytes: %w", n, errTooLong)
	}
	artefact := make([]byte, n)
	_, err := io.ReadFull(in, artefact)
	return artefact, err
}

// writeArtefact is the other end of readArtefact.
func writeArtefact(w io.Writer, artefact []byte) error {
	b := bufio.NewWriter(w)
	if err := binary.Write(b, binary.BigEndian, uint64(len(artefact))); err != nil {
		return err
	}
	if _, err := b.Write(artefact); err != nil {
		return err
	}
	return b.Flush()
}

// watchSelf ends the process when its Go runtime holds more than n bytes.
func watchSelf(n int64) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for range time.Tick(memoryCheckEvery) {
		metrics.Read(samples)
		if samples[0].Value.Uint64()-samples[1].Value.Uint64() > uint64(n) {
			os.Exit(exitMemory)
		}
	}
}

// Arguments are what follows the name of the subcommand on a worker's command line.
func (l Limits) arguments(dir string) []string {
	l = l.withDefaults()
	return []string{"--dir", dir, "--cpu", l.CPU.String(), "--wall", l.Wall.String(), "--memory", strconv.FormatInt(l.MemoryBytes, 10)}
}
