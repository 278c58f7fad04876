package determinism

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

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
		{Name: "transferred", transfers: true},
	}
}

// mark is what is compared after an entry.
type mark struct {
	fuel  int64
	state plugins.StateHash // only where the whole state is looked at
}

// stateMarks is how often in a log the whole state is looked at.
const stateMarks = 40

// player lives one life.
type player struct {
	life    Life
	log     Log
	machine *machine
	marks   []mark
	crimes  int      // of the trapped ones so far
	wrong   []string // answers that are not the model's
	fuel    int64    // of all entries
}

// play lives from one place of the log to another, counted in commands.
func (p *player) play(ctx context.Context, from, until int) error {
	next, step := 0, max(1, p.log.Commands/stateMarks)
	p.marks, p.fuel = p.marks[:0], 0
	for e := range p.log.entries() {
		if e.before < from {
			continue
		}
		if e.before >= until {
			return nil
		}
		if err := p.trap(ctx, e); err != nil {
			return err
		}
		m, err := p.apply(ctx, e)
		if err != nil {
			return err
		}
		if after := e.before + len(e.commands); after >= next || after >= p.log.Commands {
			next = after + step
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
	p.compare(e, e.commands, got, e.want)
	m := mark{fuel: i.FuelUsed()}
	p.fuel += m.fuel
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

func (p *player) compare(e entry, input [][]byte, got, want []plugins.Result) {
	if len(got) != len(want) {
		p.wrong = append(p.wrong, fmt.Sprintf("entry %d: %d results, want %d", e.at.Index, len(got), len(want)))
		return
	}
	for k := range got {
		if got[k].Status != want[k].Status || !bytes.Equal(got[k].Data, want[k].Data) {
			p.wrong = append(p.wrong, fmt.Sprintf("entry %d of %d, %d guilty, %.60q: %d %.60q, want %d %.60q", e.at.Index, len(e.commands), e.guilty, input[k],
				got[k].Status, got[k].Data, want[k].Status, want[k].Data))
		}
	}
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
	if p.life.transfers {
		return p.transfer(ctx, artefact, cache)
	}
	if p.life.restarts {
		if err := errors.Join(p.play(ctx, 0, p.log.Commands/2), p.machine.close(ctx)); err != nil {
			return err
		}
		if p.machine, err = start(ctx, artefact, cache); err != nil {
			return err
		}
	}
	return errors.Join(p.play(ctx, 0, p.log.Commands), p.machine.close(ctx))
}

// transfer lives half the log, and the other half on two machines that got its
// state. The marks that stay are those of the second one.
func (p *player) transfer(ctx context.Context, artefact []byte, cache string) error {
	half := p.log.Commands / 2
	err := p.play(ctx, 0, half)
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
		again.Reset()
		at := plugins.Moment{Index: 1, Time: nanoseconds}
		err = errors.Join(p.machine.instance.Import(ctx, at, bytes.NewReader(state.Bytes()), 0), p.machine.instance.Export(ctx, &again))
		if !bytes.Equal(state.Bytes(), again.Bytes()) {
			p.wrong = append(p.wrong, fmt.Sprintf("%d bytes were imported, %d are exported, or others", state.Len(), again.Len()))
		}
		if err = errors.Join(err, p.play(ctx, half, p.log.Commands), p.machine.close(ctx)); err != nil {
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
