package badmodules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// caseEnv names the case that a process started by Run judges.
const caseEnv = "WRAFT_BADMODULES_CASE"

// caseTimeout ends a process that hangs. It is no bound on a verdict.
const caseTimeout = 2 * time.Minute

// Main judges the case that the environment names and reports whether there was
// one: main functions and TestMain call it first, so that Run can start their
// program again.
func Main(out io.Writer) bool {
	name := os.Getenv(caseEnv)
	if name == "" {
		return false
	}
	r := Report{Name: name, Problem: "there is no such case"}
	if c, ok := Find(name); ok {
		r = Judge(context.Background(), c)
	}
	r.PeakMiB = peakMiB()
	if err := json.NewEncoder(out).Encode(r); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return true
}

// Run judges a case in a process of its own: this program again, which must call
// Main first.
func Run(ctx context.Context, c Case) Report {
	ctx, cancel := context.WithTimeout(ctx, caseTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), caseEnv+"="+c.Name)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	r := Report{Name: c.Name}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &r)
	}
	if err != nil {
		said, _, _ := strings.Cut(problems.String(), "\n")
		r.Crashed, r.Problem = true, fmt.Sprintf("the host did not live: %v: %.300s", errors.Join(ctx.Err(), err), said)
	}
	return r.bounded()
}

// What a verdict on a module may cost. Why processor time: other programs of the machine
// do not decide what is right. The dearest of the corpus takes a sixth of it, and half of the memory.
const (
	verdictCPUMSMax = 2000
	peakMiBMax      = 256
)

// bounded is the report with a problem, if it has none, where a bound is broken.
func (r Report) bounded() Report {
	if r.Problem == "" && (r.VerdictCPUMS > verdictCPUMSMax || r.PeakMiB > peakMiBMax) {
		r.Problem = fmt.Sprintf("too dear: a verdict after %.0f ms of processor time (at most %d), %.0f MiB (at most %d)", r.VerdictCPUMS, verdictCPUMSMax, r.PeakMiB, peakMiBMax)
	}
	return r
}

// Summary adds up reports.
type Summary struct {
	Modules, Crashes, Wrong int
	// VerdictMS and PeakMiB are the greatest of all cases.
	VerdictMS, PeakMiB float64
}

// Add counts a report.
func (s *Summary) Add(r Report) {
	s.Modules++
	switch {
	case r.Crashed:
		s.Crashes++
	case r.Problem != "":
		s.Wrong++
	}
	s.VerdictMS, s.PeakMiB = max(s.VerdictMS, r.VerdictMS), max(s.PeakMiB, r.PeakMiB)
}

// String is the line that scripts read.
func (s Summary) String() string {
	return fmt.Sprintf("badmodules: modules=%d crashes=%d wrong=%d max_ms=%.0f max_mib=%.0f", s.Modules, s.Crashes, s.Wrong, s.VerdictMS, s.PeakMiB)
}
