package badmodules

import (
	"slices"

	"github.com/wraft/wraft/plugins"
)

// Case is one bad module and what must come of it.
type Case struct {
	// Name is "group/what", unique and stable.
	Name string
	// Build makes the module. It is called once per judgement.
	Build func() []byte
	// Refused is the rule by which the module must be refused (package wasm);
	// empty: it must be accepted.
	Refused string
	// Says is a part of the text of the refusal, or of the error at the start.
	Says string
	// Start is the status with which _initialize must fail; 0: it must work.
	Start int32
	// Steps are what the machine is asked to do.
	Steps []Step
}

// Verb is what a step asks of a machine.
type Verb string

// The verbs.
const (
	Apply    Verb = "apply"
	Query    Verb = "query"
	Snapshot Verb = "snapshot"
	Restore  Verb = "restore"
	Version  Verb = "version"
)

// Step is one bad thing that a machine is asked to do. Good ones come before and
// after it and must work as if it had not been.
type Step struct {
	Verb Verb
	// Input is the command or query, or what there is to restore. A restore may
	// read without end when Endless is set.
	Input   []byte
	Endless bool
	// Unseen says that the host does not give the command to the guest at all.
	Unseen bool
	// Kept says that a restore changes nothing though it succeeds.
	Kept bool
	// Status must come of it: negative ones are the host's and leave no trace;
	// 0 and positive ones are the machine's own answer.
	Status int32
	// Says is a part of the answer or of the error.
	Says string
}

// limits are those of every machine of the corpus: small, so that a case ends
// soon, but no smaller in kind than an operator's.
var limits = plugins.Limits{
	MemoryBytesMax:  32 << 20,
	CommandBytesMax: 64 << 10,
	ResultBytesMax:  1 << 20,
	ExportBytesMax:  1 << 20,
	LogBytesMax:     16 << 10,
	EventBytesMax:   64 << 10,
	FuelCommandMax:  20_000_000,
	FuelBase:        20_000_000,
	FuelPerByte:     1,
}

// All returns every case, in a fixed order.
func All() []Case {
	return slices.Concat(guestCases(), exportCases(), answerCases(), transferCases(), memoryCases(), hostileCases(),
		formatCases(), sectionCases(), indexCases(), featureCases(), limitCases(), compileCases())
}

// Short returns every sixth case and the dearest kinds, for a quick look.
func Short() []Case {
	all := All()
	var some []Case
	for n := 0; n < len(all); n += shortStep {
		some = append(some, all[n])
	}
	return some
}

const shortStep = 6

// Find returns the case with a name.
func Find(name string) (Case, bool) {
	all := All()
	n := slices.IndexFunc(all, func(c Case) bool { return c.Name == name })
	if n < 0 {
		return Case{}, false
	}
	return all[n], true
}

// refusedCase is a module that must be refused.
func refusedCase(name, rule, says string, build func() []byte) Case {
	return Case{Name: name, Build: build, Refused: rule, Says: says}
}

// stepCase is a machine with a weak spot that one step hits.
func stepCase(name string, w weak, s Step) Case {
	return Case{Name: name, Build: w.bytes, Steps: []Step{s}}
}
