package badmodules

import (
	"context"
	"os"
	"strings"
	"testing"

	wt "github.com/wraft/wraft/internal/wasmtest"
	"github.com/wraft/wraft/plugins"
)

// crashCase is the name of a case at which the process dies, to see that noticed.
const crashCase = "test/crash"

// TestMain lets Run start this test binary again.
func TestMain(m *testing.M) {
	if os.Getenv(caseEnv) == crashCase {
		os.Stderr.WriteString("dying on purpose\n")
		os.Exit(3)
	}
	if Main(os.Stdout) {
		return
	}
	os.Exit(m.Run())
}

func TestSomeBadModules(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process per module")
	}
	var s Summary
	for _, c := range Short() {
		r := Run(context.Background(), c)
		s.Add(r)
		if r.Problem != "" {
			t.Errorf("%s: %s", r.Name, r.Problem)
		}
	}
	t.Log(s)
}

// TestDearVerdictsAreWrong: the judge sees a bound broken, and keeps a problem that it has.
func TestDearVerdictsAreWrong(t *testing.T) {
	for want, r := range map[string]Report{
		"":                        {VerdictCPUMS: verdictCPUMSMax, PeakMiB: peakMiBMax},
		"2001 ms of processor":    {VerdictCPUMS: verdictCPUMSMax + 1},
		"257 MiB (at most 256)":   {PeakMiB: peakMiBMax + 1},
		"the state is not as was": {PeakMiB: peakMiBMax + 1, Problem: "the state is not as was"},
	} {
		got := r.bounded().Problem
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
		var s Summary
		if s.Add(r.bounded()); (s.Wrong == 1) != (want != "") {
			t.Errorf("%+v: %v", r, s)
		}
	}
}

func TestAFewBadModulesInThisProcess(t *testing.T) {
	all := All()
	for n := 0; n < len(all); n += 40 {
		if r := Judge(context.Background(), all[n]); r.Problem != "" {
			t.Errorf("%s: %s", r.Name, r.Problem)
		}
	}
}

func TestTheCorpusIsAListOfNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range All() {
		if seen[c.Name] || !strings.Contains(c.Name, "/") {
			t.Errorf("%q is there twice or has no group", c.Name)
		}
		seen[c.Name] = true
		if c.Refused == "" && c.Start == 0 && len(c.Steps) == 0 {
			t.Errorf("%s does nothing", c.Name)
		}
	}
	if len(seen) < 200 {
		t.Errorf("%d modules", len(seen))
	}
	if _, ok := Find("loop/empty"); !ok {
		t.Error("a case is not found by its name")
	}
}

func TestTheHonestMachineIsHonest(t *testing.T) {
	c := Case{Name: "honest", Build: weak{}.bytes, Steps: []Step{
		{Verb: Apply, Input: one}, {Verb: Query, Input: one}, {Verb: Snapshot}, {Verb: Restore, Input: []byte("1234")},
	}}
	if r := Judge(context.Background(), c); r.Problem != "" {
		t.Error(r.Problem)
	}
}

// TestTheJudgeFindsWhatIsWrong gives the judge cases that say the wrong thing.
func TestTheJudgeFindsWhatIsWrong(t *testing.T) {
	trap := weak{apply: wt.Unreachable}
	// It says that all is well and has broken the counter.
	breaks := weak{apply: wt.Join(header(lieAt, 0, 0), returned(lieAt, 8))}
	notes := weak{imports: []imported{{"wraft", "log", "iii", ""}}, apply: wt.Join(
		wt.I32Const(1), wt.I32Const(0), wt.I32Const(60_000), wt.Call(firstImport), wt.I32Const(0))}
	for name, c := range map[string]struct {
		Case
		says string
	}{
		"accepted":       {refusedCase("x", "limit", "", trap.bytes), "must be refused"},
		"refused":        {stepCase("x", weak{apply: wt.Drop}, Step{Verb: Apply, Input: one}), "must be accepted"},
		"other rule":     {refusedCase("x", "limit", "", func() []byte { return nil }), "refused by rule not-wasm"},
		"other words":    {refusedCase("x", "not-wasm", "full moon", func() []byte { return nil }), "does not say"},
		"other status":   {stepCase("x", trap, Step{Verb: Apply, Input: one, Status: plugins.StatusFuel}), "status -1, want -4"},
		"other text":     {stepCase("x", trap, Step{Verb: Apply, Input: one, Status: plugins.StatusTrap, Says: "full moon"}), "does not say"},
		"starts":         {Case{Build: trap.bytes, Start: plugins.StatusTrap}, "the start must fail"},
		"does not start": {stepCase("x", weak{initialize: wt.Unreachable}, Step{}), "the machine must start"},
		"broken counter": {stepCase("x", breaks, Step{Verb: Apply, Input: one}), "a good command: answers status 0"},
		"restored":       {stepCase("x", weak{}, Step{Verb: Restore, Input: []byte("1234"), Kept: true}), "afterwards"},
	} {
		if r := Judge(context.Background(), c.Case); !strings.Contains(r.Problem, c.says) {
			t.Errorf("%s: the judge says %q, want %q in it", name, r.Problem, c.says)
		}
	}
	if r := Judge(context.Background(), stepCase("x", notes, Step{Verb: Apply, Input: one})); r.Problem != "" {
		t.Errorf("a guest that logs within its limit: %s", r.Problem)
	}
}

func TestAStateThatDiffersIsNoticed(t *testing.T) {
	ctx := context.Background()
	e, err := plugins.NewEngine(plugins.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(ctx)
	m, err := e.Compile(ctx, weak{}.bytes())
	if err != nil {
		t.Fatal(err)
	}
	var both [2]*plugins.Instance
	for k := range both {
		if both[k], err = e.NewInstance(ctx, m, plugins.InstanceConfig{Limits: limits}); err != nil {
			t.Fatal(err)
		}
		defer both[k].Close(ctx)
	}
	tr := &trial{bad: both[0], twin: both[1], logs: &logCount{}}
	if err := tr.good(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.bad.Apply(ctx, tr.at(), [][]byte{one}); err != nil {
		t.Fatal(err)
	}
	if err := tr.sameState(); err == nil || !strings.Contains(err.Error(), "without the bad step") {
		t.Errorf("got %v", err)
	}
}

func TestACrashIsCounted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	var s Summary
	s.Add(Run(context.Background(), Case{Name: crashCase}))
	s.Add(Run(context.Background(), Case{Name: "no/such"}))
	if s.Crashes != 1 || s.Wrong != 1 || s.Modules != 2 {
		t.Errorf("%s", s)
	}
}

func TestLogsOverTheLimitAreNoticed(t *testing.T) {
	l := &logCount{bytes: 10}
	if l.check(9) == nil || l.check(10) != nil {
		t.Error("the bound is not where it should be")
	}
}
