package determinism

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/guests"
)

// Life is a way of living through a log.
type Life struct {
	Name string
	// asked: the queries of the log are asked.
	asked bool
	// trapped is how many guilty commands come besides those of the log.
	trapped int
	// restarts says that all is thrown away at half the log and begins again from
	// what is durable.
	restarts bool
	// transfers says that at half the log the state is exported, and two fresh
	// machines import it and go on. What that costs differs from going on without,
	// so the two are compared with each other, to the bit.
	transfers bool
	// images are the places, in eighths of the log, at which an image is captured:
	// the first is full, each other one says what has changed since. At the last
	// place all is thrown away, and a machine in the state of the images goes on.
	images []int
}

// Trapped is how many guilty commands the trapped life has by default.
const Trapped = 1000

// Lives are all ways; the first is what the others are compared with. trapped is
// for the life that has so many guilty commands besides those of the log.
func Lives(trapped int) []Life {
	return []Life{
		{Name: "uninterrupted"},
		{Name: "asked", asked: true},
		{Name: "trapped", trapped: trapped, asked: true},
		{Name: "restarted", restarts: true},
		{Name: "restored from an image", images: []int{4}},
		{Name: "restored from a chain of images", images: []int{2, 3, 4}, asked: true},
		{Name: "transferred", transfers: true},
	}
}

// mark is what is compared after an entry.
type mark struct {
	fuel  int64
	state plugins.StateHash // only where the whole state is looked at
}

// player lives one life.
type player struct {
	life    Life
	log     Log
	machine *machine
	writer  *writer // of the log, as far as it has been lived
	marks   []mark  // by entry
	crimes  int     // of the trapped ones so far
	wrong   []string
	full    map[int]Tally // see Outcome
}

// rewind goes to a place of the log, in commands, at which an entry begins; those
// before it are not applied. Marks of those behind it are forgotten.
func (p *player) rewind(place int) {
	p.writer = p.log.begin()
	for p.writer.commands < place {
		p.writer.entry()
	}
	p.marks = p.marks[:min(len(p.marks), int(p.writer.index))]
}

// play lives until a place of the log, in commands.
func (p *player) play(ctx context.Context, until int) error {
	for p.writer.commands < until {
		e := p.writer.entry()
		if err := p.trap(ctx, e); err != nil {
			return err
		}
		m, err := p.apply(ctx, e)
		if err != nil {
			return err
		}
		if p.log.marked(e.before, p.writer.commands) {
			if m.state, err = p.machine.instance.StateHash(); err != nil {
				return err
			}
		}
		p.marks = append(p.marks, m)
	}
	return nil
}

// apply applies an entry, asks its queries and compares with the model.
func (p *player) apply(ctx context.Context, e entry) (mark, error) {
	i := p.machine.instance
	got, err := i.Apply(ctx, e.at, e.commands)
	if err != nil {
		return mark{}, fmt.Errorf("determinism: entry %d: %w", e.at.Index, err)
	}
	p.tally(e, p.compare(e, e.commands, got, e.want))
	m := mark{fuel: i.FuelUsed()}
	if !p.life.asked {
		return m, nil
	}
	for k, q := range e.queries {
		got, err := i.Query(ctx, q)
		if err != nil {
			return m, fmt.Errorf("determinism: query after entry %d: %w", e.at.Index, err)
		}
		p.compare(e, e.queries[k:k+1], []plugins.Result{got}, e.answers[k:k+1])
	}
	return m, nil
}

// compare reports whether the machine answered as the model did.
func (p *player) compare(e entry, input [][]byte, got, want []plugins.Result) bool {
	before := len(p.wrong)
	if len(got) != len(want) {
		p.wrong = append(p.wrong, fmt.Sprintf("entry %d: %d results, want %d", e.at.Index, len(got), len(want)))
		return false
	}
	for k := range got {
		if got[k].Status != want[k].Status || !bytes.Equal(got[k].Data, want[k].Data) {
			p.wrong = append(p.wrong, fmt.Sprintf("entry %d of %d, %d guilty, %.60q: %d %.60q, want %d %.60q", e.at.Index, len(e.commands), e.guilty, input[k],
				got[k].Status, got[k].Data, want[k].Status, want[k].Data))
		}
	}
	return len(p.wrong) == before
}

// tally counts a full entry.
func (p *player) tally(e entry, right bool) {
	if len(e.commands) != entryFull {
		return
	}
	t := p.full[e.guilty]
	t.Entries++
	if !right {
		t.Wrong++
	}
	p.full[e.guilty] = t
}

// trap applies the guilty commands that this life has before an entry: spread
// over the log, one to three at a time. They carry the entry's moment, as the log
// of another replica would not have them at all.
func (p *player) trap(ctx context.Context, e entry) error {
	due := 0
	if p.log.Commands > 0 {
		due = min(p.life.trapped, (e.before+1)*p.life.trapped/p.log.Commands+1)
	}
	for p.crimes < due {
		var batch entry
		for range 1 + p.crimes%3 {
			c := guests.Crimes[p.crimes%(len(guests.Crimes)-1)]
			if p.crimes++; p.crimes%loopEvery == 0 {
				c = guests.Loop
			}
			batch.commands, batch.want = append(batch.commands, c.Command()), append(batch.want, verdict(c))
		}
		batch.at, batch.guilty = e.at, len(batch.commands)
		got, err := p.machine.instance.Apply(ctx, batch.at, batch.commands)
		if err != nil {
			return fmt.Errorf("determinism: guilty commands before entry %d: %w", e.at.Index, err)
		}
		p.compare(batch, batch.commands, got, batch.want)
	}
	return nil
}

// live lives the whole life.
func (p *player) live(ctx context.Context, artefact []byte, cache string) (err error) {
	if p.machine, err = start(ctx, artefact, cache); err != nil {
		return err
	}
	p.rewind(0)
	switch {
	case p.life.transfers:
		return p.transfer(ctx, artefact, cache)
	case p.life.restarts:
		err = p.restart(ctx, artefact, cache)
	case p.life.images != nil:
		err = p.restore(ctx, artefact, cache)
	}
	if err != nil {
		return err
	}
	return errors.Join(p.play(ctx, p.log.Commands), p.machine.close(ctx))
}

// restart lives half the log and begins anew.
func (p *player) restart(ctx context.Context, artefact []byte, cache string) error {
	err := errors.Join(p.play(ctx, p.log.Commands/2), p.machine.close(ctx))
	if err == nil {
		p.machine, err = start(ctx, artefact, cache)
	}
	p.rewind(0)
	return err
}
