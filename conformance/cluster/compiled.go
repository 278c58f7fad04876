package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// nodeCache is where a node of `wraftd init` keeps its compiled code, below its
// folder. A node creates it with that mode, and refuses it with a wider one.
const (
	nodeCache     = "data/cache"
	nodeCacheMode = 0o700
	codeMode      = 0o600
)

// lend gives every node a copy of the compiled code in dir.
func (c *Cluster) lend(dir string) error {
	if dir == "" {
		return nil
	}
	for _, n := range c.Nodes {
		if err := copyMissing(filepath.Join(n.Dir, nodeCache), dir); err != nil {
			return fmt.Errorf("cluster: lend compiled code: %w", err)
		}
	}
	return nil
}

// Collect copies the code that the nodes have compiled to dir, for Config.Compiled of
// other clusters with the same wraftd. No node may run. Call it when all is well:
// what a node left that went wrong is better not passed on.
func (c *Cluster) Collect(dir string) error {
	for _, n := range c.Nodes {
		if n.Running() {
			return fmt.Errorf("cluster: collect compiled code: node %d runs", n.ID)
		}
		if err := copyMissing(dir, filepath.Join(n.Dir, nodeCache)); err != nil {
			return fmt.Errorf("cluster: collect compiled code: %w", err)
		}
	}
	return nil
}

// copyMissing copies the files below from that are not below to. A file appears
// whole: two clusters may collect into one folder at once. A folder from that does
// not exist is empty.
func copyMissing(to, from string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "worker-"):
			return filepath.SkipDir // a compilation that was cut short
		case d.IsDir():
			return nil
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyFile(filepath.Join(to, name), path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func copyFile(to, from string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), nodeCacheMode); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	next, err := os.CreateTemp(filepath.Dir(to), ".copy-")
	if err != nil {
		return err
	}
	_, err = io.Copy(next, source)
	err = errors.Join(err, next.Chmod(codeMode), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return nil
}

// Compile has a cluster of one node, which is gone afterwards, compile modules into
// cfg.Compiled, so that other clusters with the same wraftd start with their code.
// Modules are paths of files.
func Compile(ctx context.Context, cfg Config, modules ...string) (err error) {
	cfg.Nodes = 1
	c, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.KillAll()) }()
	if err := c.Start(); err != nil {
		return err
	}
	if err := c.WaitReady(ctx); err != nil {
		return err
	}
	for i, file := range modules {
		if r := c.Wraftd(ctx, "deploy", file, "--name", fmt.Sprintf("compile-%d", i), "--memory", "32MiB", "--timeout", "10m"); r.Code != 0 {
			return fmt.Errorf("cluster: compile %s: exit code %d: %s", file, r.Code, r.Stderr)
		}
	}
	if err := c.KillAll(); err != nil {
		return err
	}
	return c.Collect(cfg.Compiled)
}
