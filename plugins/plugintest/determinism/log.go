package determinism

import (
	"fmt"

	"github.com/wraft/wraft/plugins"
	"github.com/wraft/wraft/plugins/plugintest/guests"
	"github.com/wraft/wraft/plugins/plugintest/kvmodel"
)

// Limits are those of the machines that play a log. Little fuel makes endless
// loops cheap, and a small stack recursion; no honest command needs as much. (A
// page of scan in Go comes to ten million when the garbage is collected.)
var Limits = plugins.Limits{FuelCommandMax: 30_000_000, StackBytesMax: 1 << 20, MemoryBytesMax: 64 << 20}

// Log is a list of entries; the same from the same seed and length.
type Log struct {
	Seed     uint64
	Commands int // over all entries, at least
	// Marks is how often the whole state is looked at, at most with every entry.
	// Default 40; more of them narrow down where states part.
	Marks int
}

const marksDefault = 40

// marked says whether the whole state is looked at behind the commands before
// after; there were before of them before the last entry.
func (l Log) marked(before, after int) bool {
	marks := l.Marks
	if marks == 0 {
		marks = marksDefault
	}
	step := max(1, l.Commands/marks)
	return before/step != after/step || after >= l.Commands
}

// entry is one entry of the log and the queries that some lives ask after it.
type entry struct {
	at       plugins.Moment
	commands [][]byte
	want     []plugins.Result
	queries  [][]byte
	answers  []plugins.Result
	before   int // commands of the entries before
	guilty   int
}

const (
	entryFull   = 64 // commands of a full entry
	queriesMax  = 3
	nanoseconds = 1_000_003 // between entries
)

// begin returns who writes the log, from its first entry on; it has ended when there
// are as many commands as it shall have.
func (l Log) begin() *writer {
	return &writer{corpus: kvmodel.NewCorpus(l.Seed), store: kvmodel.NewStore()}
}

// writer writes a log.
type writer struct {
	corpus   *kvmodel.Corpus
	store    *kvmodel.Store
	index    uint64
	commands int
	full     int // full entries so far
	crimes   int
}

func (w *writer) entry() entry {
	w.index++
	e := entry{at: plugins.Moment{Index: w.index, Time: int64(w.index) * nanoseconds}, before: w.commands}
	n := w.corpus.EntrySize()
	guilty := w.guilt(n)
	for k := range n {
		w.command(&e, guilty[k])
	}
	for range w.corpus.Below(queriesMax + 1) {
		q := w.corpus.Query()
		status, answer := w.store.Query(q.Request)
		e.queries = append(e.queries, q.Bytes)
		e.answers = append(e.answers, plugins.Result{Status: status, Data: answer})
	}
	w.commands += n
	return e
}

func (w *writer) command(e *entry, guilty bool) {
	if guilty {
		crime := w.crime()
		e.guilty++
		e.commands = append(e.commands, crime.Command())
		e.want = append(e.want, verdict(crime))
		return
	}
	step := w.corpus.Step()
	status, answer := w.store.ApplyStep(step)
	e.commands = append(e.commands, step.Bytes)
	e.want = append(e.want, plugins.Result{Status: status, Data: answer})
}

// Of every so many full entries a few have one, two, or only guilty commands: these.
// The others, and the small ones, have none.
const (
	guiltEvery = 32
	guiltOne   = 2
	guiltTwo   = 4
	guiltAll   = 6 // of every other time: it takes long
)

// guilt says which of n commands are guilty.
func (w *writer) guilt(n int) map[int]bool {
	guilty := map[int]bool{}
	if n < entryFull {
		return guilty
	}
	w.full++
	switch w.full % guiltEvery {
	case guiltOne:
		guilty[w.corpus.Below(n)] = true
	case guiltTwo:
		first := w.corpus.Below(n)
		guilty[first], guilty[(first+1+w.corpus.Below(n-1))%n] = true, true
	case guiltAll:
		if w.full/guiltEvery%2 == 0 {
			for k := range n {
				guilty[k] = true
			}
		}
	}
	return guilty
}

// loopEvery is how many crimes there are to an endless loop, which takes longest: as
// much as 10,000 honest commands.
const loopEvery = 100

func (w *writer) crime() guests.Crime {
	w.crimes++
	if w.crimes%loopEvery == 0 {
		return guests.Loop
	}
	return guests.Crimes[w.corpus.Below(len(guests.Crimes)-1)]
}

// verdict is what the host answers to a guilty command.
func verdict(c guests.Crime) plugins.Result {
	switch c {
	case guests.Loop:
		return plugins.Result{Status: plugins.StatusFuel, Data: fmt.Appendf(nil, "out of fuel: the call may spend %d", Limits.FuelCommandMax)}
	case guests.Recurse:
		return plugins.Result{Status: plugins.StatusStack, Data: fmt.Appendf(nil, "stack exhausted: the call may claim %d bytes", Limits.StackBytesMax)}
	case guests.Lie:
		return plugins.Result{Status: plugins.StatusMalformed, Data: []byte("the answer lies outside of memory")}
	}
	return plugins.Result{Status: plugins.StatusTrap, Data: []byte("unreachable")}
}
