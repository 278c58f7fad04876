package abi

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// image stops a machine in its middle, as it were: a second one starts from images
// of it, and from there on both must do the same to the bit. The first image is
// written after the machine has gone on, the second holds what had changed by then.
func (k *kit) image() (string, error) {
	a, err := k.newMachine()
	if err != nil {
		return "", err
	}
	defer a.close()
	images, err := a.images(k.entries(k.options.Commands/4, 18), k.entries(k.options.Commands/4, 19))
	if err != nil {
		return "", err
	}
	b, err := a.restart(images)
	if err != nil {
		return "", err
	}
	defer b.close()
	if err := agree(a, b); err != nil {
		return "", imageFailure(err, "at once")
	}
	rest := k.entries(k.options.Commands/2, 21)
	for n, e := range rest {
		if err := same(a, b, e); err != nil {
			return "", imageFailure(err, fmt.Sprintf("at entry %d of %d behind it", n+1, len(rest)))
		}
	}
	return fmt.Sprintf("bytes=%d and %d, entries=%d", len(images[0]), len(images[1]), len(rest)), nil
}

// images applies two workloads and returns an image of the machine between them, and
// the increment that leads from it to the machine's present state.
func (m *machine) images(first, second [][][]byte) (images [2][]byte, err error) {
	if _, err := m.load(first); err != nil {
		return images, err
	}
	full, err := m.Capture(plugins.StateHash{})
	if err != nil {
		return images, err
	}
	defer full.Close()
	if _, err := m.load(second); err != nil {
		return images, err
	}
	increment, err := m.Capture(full.Hash())
	if err != nil {
		return images, err
	}
	defer increment.Close()
	for n, c := range []*plugins.Capture{full, increment} {
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			return images, err
		}
		images[n] = b.Bytes()
	}
	return images, nil
}

// restart starts another machine from images, at the moment at which this one is.
func (m *machine) restart(images [2][]byte) (*machine, error) {
	k := m.kit
	config := plugins.InstanceConfig{Seed: seed, Limits: k.options.Limits, Created: scenario.Start}
	i, err := k.engine.Restore(k.ctx, k.module, config, []io.Reader{bytes.NewReader(images[0]), bytes.NewReader(images[1])}...)
	if errors.Is(err, plugins.ErrImage) {
		return nil, failed("report it: a host must take the images that it writes", "the machine's images are refused: %v", err)
	}
	if err != nil {
		return nil, err
	}
	return &machine{Instance: i, kit: k, at: m.at}, nil
}

func imageFailure(err error, when string) error {
	if !errors.Is(err, errDiffer) {
		return err
	}
	return failed("keep all state in linear memory and mutable globals; if that is so, report it: an image must hold everything",
		"a machine that starts from an image differs %s: %v", when, err)
}
