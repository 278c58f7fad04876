package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// Prepare builds wraftd and an example, a folder relative to the repository's root,
// into dir and sets up three nodes there, which have the example compiled already:
// three of them at once are not what is measured or tested with such a cluster. No node
// is started; flags are Config.Flags, and module is the example's file.
func Prepare(ctx context.Context, dir, name, example string, flags ...string) (c *Cluster, module string, err error) {
	program, err := Build(ctx, dir)
	if err != nil {
		return nil, "", err
	}
	module = filepath.Join(dir, filepath.Base(example)+".wasm")
	if err := BuildModule(ctx, example, module); err != nil {
		return nil, "", err
	}
	compiled := filepath.Join(dir, "compiled")
	if err := Compile(ctx, Config{Wraftd: program, Dir: filepath.Join(dir, "compiler"), Compiled: compiled}, module); err != nil {
		return nil, "", err
	}
	c, err = New(ctx, Config{Wraftd: program, Dir: filepath.Join(dir, "cluster"), Name: name, Compiled: compiled, Flags: flags})
	return c, module, err
}

// Launch starts all nodes and deploys a module.
func (c *Cluster) Launch(ctx context.Context, module, machine string) error {
	if err := errors.Join(c.Start(), c.WaitReady(ctx)); err != nil {
		return err
	}
	return c.Deploy(ctx, module, machine)
}

// Deploy deploys a module; flags are further ones of wraftd deploy.
func (c *Cluster) Deploy(ctx context.Context, module, machine string, flags ...string) error {
	if r := c.Wraftd(ctx, append([]string{"deploy", module, "--name", machine}, flags...)...); r.Code != 0 {
		return fmt.Errorf("cluster: deploy: exit code %d: %s", r.Code, r.Stderr)
	}
	return nil
}
