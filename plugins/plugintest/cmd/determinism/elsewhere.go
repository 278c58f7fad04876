package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wraft/wraft/plugins/plugintest/determinism"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

const (
	emulator = "qemu-aarch64-static"
	self     = "github.com/wraft/wraft/plugins/plugintest/cmd/determinism"
	outcome  = "outcome: "
)

// elsewhere plays the start of the log here and on an emulated arm64 processor,
// where the same modules are instrumented and compiled anew, and returns in how
// many languages something differs.
func (o options) elsewhere(ctx context.Context, built []guests.Guest) (int, error) {
	if _, err := exec.LookPath(emulator); err != nil {
		fmt.Printf("untested: arm64: %v\n", err)
		return 0, nil
	}
	dir, err := os.MkdirTemp("", "determinism")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	for _, g := range built {
		if err := os.WriteFile(filepath.Join(dir, g.Language+".wasm"), g.Binary, 0o600); err != nil {
			return 0, err
		}
	}
	log := o.log
	log.Commands = o.other
	there, err := emulated(ctx, dir, log)
	if err != nil {
		return 0, err
	}
	here, err := play(ctx, log, built, determinism.Lives(0)[:1])
	if err != nil {
		return 0, err
	}
	mismatches := 0
	for _, x := range here {
		if !slices.Contains(there, x.Line()) || len(x.Mismatches) > 0 {
			mismatches++
			fmt.Printf("mismatch: here:  %s\nmismatch: arm64: %s\n", x.Line(), strings.Join(there, "\n                 "))
		}
	}
	fmt.Printf("determinism: arm64 languages=%d commands=%d mismatches=%d\n", len(there), o.other, mismatches)
	return mismatches, nil
}

// emulated plays a log on arm64 and returns the outcomes it printed.
func emulated(ctx context.Context, dir string, log determinism.Log) ([]string, error) {
	binary := filepath.Join(dir, "determinism-arm64")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, self)
	build.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build for arm64: %w\n%s", err, text)
	}
	var out bytes.Buffer
	run := exec.CommandContext(ctx, emulator, binary, "-modules", dir, "-lives", "1",
		"-n", fmt.Sprint(log.Commands), "-seed", fmt.Sprint(log.Seed), "-marks", fmt.Sprint(log.Marks))
	run.Stdout, run.Stderr = &out, os.Stderr
	if err := run.Run(); err != nil {
		return nil, fmt.Errorf("on arm64: %w\n%s", err, out.Bytes())
	}
	var lines []string
	for s := bufio.NewScanner(&out); s.Scan(); {
		if strings.HasPrefix(s.Text(), outcome) {
			lines = append(lines, s.Text())
		}
	}
	return lines, nil
}

// read reads the modules of a folder, named by their languages.
func read(dir string) ([]guests.Guest, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.wasm"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no modules in %s", dir)
	}
	var out []guests.Guest
	for _, path := range paths {
		binary, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		out = append(out, guests.Guest{Language: strings.TrimSuffix(filepath.Base(path), ".wasm"), Binary: binary})
	}
	return out, nil
}
