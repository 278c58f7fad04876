package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
)

// labFolder is the lab's own folder.
const labFolder = "peers"

// tailBytes is how much of what a failed program said is shown.
const tailBytes = 2000

// buildLab compiles the lab's program.
func (r *run) buildLab(ctx context.Context) error {
	r.lab = filepath.Join(r.cfg.Dir, "lab")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", r.lab, ".")
	cmd.Dir = filepath.Join(r.cfg.Lab, labFolder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("peers: build the lab in %s: %w\n%s", cmd.Dir, err, tail(out))
	}
	return nil
}

// labSystem has the lab start a system, load it and end it.
func (r *run) labSystem(ctx context.Context, system string, round int) error {
	cmd := exec.CommandContext(ctx, r.lab, r.labArgs(system)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var bad error
	for lines := bufio.NewScanner(out); lines.Scan(); {
		l, err := parseLine(lines.Bytes(), round)
		if err == nil {
			err = r.note(l)
		}
		if bad == nil {
			bad = err
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(said.Bytes()))
	}
	return bad
}

// labArgs are the lab's flags for all loads on a system.
func (r *run) labArgs(system string) []string {
	return []string{
		"run", "--peer", system, "--op", joined(r.cfg.Ops), "--clients", joined(r.cfg.Clients), "--duration", r.cfg.Duration.String(),
		"--warmup", r.cfg.Warmup.String(), "--value", fmt.Sprint(valueBytes), "--keys", fmt.Sprint(keys), "--dir", r.cfg.Dir,
		"--max-foreign", fmt.Sprint(r.cfg.ForeignMax), "--retries", fmt.Sprint(r.cfg.Retries),
	}
}

// parseLine reads the line of one load.
func parseLine(text []byte, round int) (Line, error) {
	l := Line{Round: round + 1}
	if err := json.Unmarshal(text, &l); err != nil {
		return l, fmt.Errorf("peers: no line of a load: %.200q: %w", text, err)
	}
	return l, nil
}

// tail is the end of what a program said.
func tail(text []byte) []byte { return text[max(0, len(text)-tailBytes):] }
