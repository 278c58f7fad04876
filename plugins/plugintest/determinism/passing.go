package determinism

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/wraft/wraft/plugins"
)

// transfer lives half the log, and the other half on two machines that got its
// state. The marks that stay are those of the second one.
func (p *player) transfer(ctx context.Context, artefact []byte, cache string) error {
	err := p.play(ctx, p.log.Commands/2)
	half := p.writer.commands
	var state, again bytes.Buffer
	err = errors.Join(err, p.machine.instance.Export(ctx, &state), p.machine.close(ctx))
	if err != nil {
		return err
	}
	var first *player
	for range 2 {
		if p.machine, err = start(ctx, artefact, cache); err != nil {
			return err
		}
		p.rewind(half)
		p.marks = p.marks[:0]
		again.Reset()
		at := plugins.Moment{Index: 1, Time: nanoseconds}
		err = errors.Join(p.machine.instance.Import(ctx, at, bytes.NewReader(state.Bytes()), 0), p.machine.instance.Export(ctx, &again))
		if !bytes.Equal(state.Bytes(), again.Bytes()) {
			p.wrong = append(p.wrong, fmt.Sprintf("%d bytes were imported, %d are exported, or others", state.Len(), again.Len()))
		}
		if err = errors.Join(err, p.play(ctx, p.log.Commands), p.machine.close(ctx)); err != nil {
			return err
		}
		if first == nil {
			first = &player{life: p.life, marks: slices.Clone(p.marks)}
		}
	}
	var o Outcome
	o.compare(first, p)
	p.wrong = append(p.wrong, o.Mismatches...)
	return nil
}

// besides is which part of a log is applied between the capture of an image and
// its writing: what changes meanwhile must not show in it.
const besides = 50

// restore lives until the last of the images, and goes on as a machine in their
// state. What the captured one did afterwards, the restored one has to do, too.
func (p *player) restore(ctx context.Context, artefact []byte, cache string) error {
	var images []io.Reader
	var base plugins.StateHash
	place, entries := 0, 0
	for _, eighths := range p.life.images {
		if err := p.play(ctx, p.log.Commands*eighths/8); err != nil {
			return err
		}
		place, entries = p.writer.commands, len(p.marks)
		image, hash, err := p.image(ctx, base)
		if err != nil {
			return err
		}
		images, base = append(images, image), hash
	}
	captured := slices.Clone(p.marks[entries:])
	err := p.machine.close(ctx)
	if err != nil {
		return err
	}
	if p.machine, err = start(ctx, artefact, cache, images...); err != nil {
		return err
	}
	if got, err := p.machine.instance.StateHash(); err != nil || got != base {
		return errors.Join(fmt.Errorf("determinism: state %v was captured, %v is restored", base, got), err)
	}
	p.rewind(place)
	err = p.play(ctx, place+p.log.Commands/besides)
	if !slices.Equal(p.marks[entries:], captured) {
		p.wrong = append(p.wrong, fmt.Sprintf("behind entry %d the restored machine goes on otherwise than the captured one", entries))
	}
	return err
}

// image captures the state and writes it down after the machine has gone on.
func (p *player) image(ctx context.Context, base plugins.StateHash) (io.Reader, plugins.StateHash, error) {
	c, err := p.machine.instance.Capture(base)
	if err != nil {
		return nil, plugins.StateHash{}, err
	}
	defer c.Close()
	if err := p.play(ctx, p.writer.commands+p.log.Commands/besides); err != nil {
		return nil, plugins.StateHash{}, err
	}
	var image bytes.Buffer
	_, err = c.WriteTo(&image)
	return &image, c.Hash(), err
}
