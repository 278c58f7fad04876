package abi

import (
	"fmt"
	"strings"
	"time"
)

// Check is one property of a module.
type Check struct {
	// Name is stable: scripts and documents use it.
	Name string
	// Why says in a sentence why a host needs it.
	Why string
	// needsModule leaves the check out when the module is not admitted.
	needsModule bool
	// run returns a figure for people, or *Failure, skip, or trouble of the host.
	run func(*kit) (detail string, err error)
}

// checks are all of them, in the order in which they run.
var checks = []Check{
	{"marker", "the host tells the version of the ABI by it", false, (*kit).marker},
	{"exports", "the host calls the machine through them, and only with these types", false, (*kit).exports},
	{"imports", "a module that needs more of the world than every replica has cannot be replicated", false, (*kit).imports},
	{"admitted", "a cluster refuses what its validator and its compiler refuse", false, (*kit).admitted},
	{"start", "each replica starts the machine by itself, within its fuel and memory", true, (*kit).start},
	{"scenarios", "the machine does what its author says it does", true, (*kit).scenarios},
	{"alloc", "the host writes every input where wraft_alloc says, of any size up to the limit", true, (*kit).alloc},
	{"framing", "an entry carries as many commands as were waiting, each with a result of its own", true, (*kit).framing},
	{"guilty", "a command that fails in an entry must not change what becomes of the others", true, (*kit).guilty},
	{"undo", "a command that was undone leaves no trace in memory, globals, fuel or answers", true, (*kit).undo},
	{"cut off", "a command that runs out of fuel in its middle, wherever that is, leaves no trace either", true, (*kit).cutOff},
	{"replay", "every replica applies the log by itself and must end with the same memory, answers and fuel", true, (*kit).replay},
	{"image", "a replica that starts again, or anew, goes on from an image of the machine and must not differ from those that never stopped", true, (*kit).image},
	{"time and chance", "what a machine sees of time and chance is in the log; nothing else may reach it", true, (*kit).timeAndChance},
	{"query", "queries run on one replica only, so what they change must not stay", true, (*kit).query},
	{"export", "restore(snapshot(s)) is how a state gets into another version, a backup and out of it", true, (*kit).export},
	{"restore replaces", "a machine with a state of its own gets another by restore, all of it", true, (*kit).restoreReplaces},
	{"restore refuses", "a restore that fails leaves the machine as it was, whatever the bytes are", true, (*kit).restoreRefuses},
	{"upgrade", "an upgrade hands the old version's export to the new one's restore", true, (*kit).upgrade},
	{"bounded output", "a result over the limit is undone, and the machine goes on", true, (*kit).boundedOutput},
	{"hostile input", "clients send anything; the answer is a status, and never a broken frame or an endless loop", true, (*kit).hostileInput},
	{"fuel", "each command has to end well before its budget of fuel does", true, (*kit).fuel},
}

// Checks are all checks, in the order in which Run makes them.
func Checks() []Check { return append([]Check(nil), checks...) }

// Failure says what a check saw and what the module's author should do.
type Failure struct {
	// Saw is what happened and what should have.
	Saw string
	// Do is what the author should change.
	Do string
}

// Error is both in one line.
func (f *Failure) Error() string { return f.Saw + "; " + f.Do }

// failed makes a Failure; do is what the author should change.
func failed(do, format string, args ...any) error {
	return &Failure{Saw: fmt.Sprintf(format, args...), Do: do}
}

// skip is the reason why a check says nothing.
type skip string

func (s skip) Error() string { return string(s) }

// Outcome is what one check found.
type Outcome struct {
	// Check and Why are the check's.
	Check, Why string
	// Failure is set if the module does not pass.
	Failure *Failure
	// Skipped is the reason if the check says nothing.
	Skipped string
	// Detail is a figure for people, if the module passes.
	Detail string
	// Took is the time the check took, for people only.
	Took time.Duration
}

// Report is what Run found.
type Report struct {
	// Name is the Subject's.
	Name     string
	Outcomes []Outcome
	// Fuel is what the subject's commands spent, each in an entry of its own, in
	// order; filled by the check fuel.
	Fuel []Spent
}

// Spent is the fuel of one command.
type Spent struct {
	Command []byte
	// Status is that of its answer.
	Status int32
	Fuel   int64
}

// OK reports whether no check failed.
func (r *Report) OK() bool { return len(r.Failures()) == 0 }

// Failures are the outcomes that failed.
func (r *Report) Failures() (out []Outcome) {
	for _, o := range r.Outcomes {
		if o.Failure != nil {
			out = append(out, o)
		}
	}
	return out
}

// Counts are how many checks passed, failed and were left out.
func (r *Report) Counts() (passed, failed, skipped int) {
	for _, o := range r.Outcomes {
		switch {
		case o.Failure != nil:
			failed++
		case o.Skipped != "":
			skipped++
		default:
			passed++
		}
	}
	return passed, failed, skipped
}

// String is the report as lines of text: each check, and for one that failed why
// it matters and what to do.
func (r *Report) String() string {
	var b strings.Builder
	for _, o := range r.Outcomes {
		switch {
		case o.Failure != nil:
			fmt.Fprintf(&b, "FAIL %s: %s\n     why: %s\n     do:  %s\n", o.Check, o.Failure.Saw, o.Why, o.Failure.Do)
		case o.Skipped != "":
			fmt.Fprintf(&b, "skip %s: %s\n", o.Check, o.Skipped)
		case o.Detail != "":
			fmt.Fprintf(&b, "ok   %s: %s\n", o.Check, o.Detail)
		default:
			fmt.Fprintf(&b, "ok   %s\n", o.Check)
		}
	}
	return b.String()
}
