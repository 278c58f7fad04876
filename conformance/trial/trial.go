package trial

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/conformance/history"
	"github.com/wraft/wraft/conformance/kvload"
	"github.com/wraft/wraft/conformance/kvmodule"
)

// Config says how to try a cluster.
type Config struct {
	// Clients reach the cluster, and may deploy and delete machines. One at least.
	Clients []*client.Client
	// Machine is the name of the machine that is deployed and deleted. There must be none of
	// that name. Required.
	Machine string
	// Keep leaves the machine there.
	Keep bool
	// Prefix begins the keys; see kvload.Config.
	Prefix string
	// Workers is how many operations, or small batches, are under way at once; default 12.
	Workers int
	// Lasts is how long the clients work. Required.
	Lasts time.Duration
	// Operations ends the work when so many were answered; 0: it lasts as long as it may.
	Operations int
	// Patience bounds one operation with all its repeats, so the longest outage that a trial
	// survives. Required.
	Patience time.Duration
	// Seed chooses operations and keys.
	Seed uint64
	// Progress is told each ProgressEvery how many operations were answered so far; may be
	// nil.
	Progress func(answered int)
}

// ProgressEvery is the time between two words of progress.
const ProgressEvery = time.Minute

// workerPause is the longest that a worker rests.
const workerPause = 5 * time.Millisecond

// Result is what a trial came to.
type Result struct {
	Machine string `json:"machine"`
	// Ops is how many operations were judged, Answered how many of them had an answer.
	Ops      int `json:"ops"`
	Answered int `json:"answered"`
	// Lost were acknowledged and are not there, Doubled are there twice; Illegal are keys,
	// indexes and reads that no order explains, Unknown keys without a verdict.
	Lost    int `json:"lost"`
	Doubled int `json:"doubled"`
	Illegal int `json:"illegal"`
	Unknown int `json:"unknown"`
	// Problems say what is wrong, in words.
	Problems []string `json:"problems,omitempty"`

	report *history.Report
}

// OK reports whether nothing is wrong and nothing is open.
func (r Result) OK() bool { return len(r.Problems) == 0 }

// String is the stable last line.
func (r Result) String() string {
	return fmt.Sprintf("conformance: ops=%d lost=%d doubled=%d illegal=%d unknown=%d", r.Ops, r.Lost, r.Doubled, r.Illegal, r.Unknown)
}

// Draw writes a page that shows the first key without an order, as HTML. It reports whether
// there was one.
func (r Result) Draw(w io.Writer) (bool, error) { return r.report.Draw(w) }

// Run tries the cluster. The error is about what kept the trial from its end, and is a
// *client.Problem where the cluster said it; ctx ends the load early and is then no error, as
// long as the cluster can still be read within Config.Patience.
func Run(ctx context.Context, cfg Config) (r Result, err error) {
	admin := cfg.Clients[0]
	info, err := deploy(ctx, admin, cfg.Machine)
	if err != nil {
		return r, err
	}
	// Why without cancel: what was begun is judged, and taken away, also when the user has
	// seen enough.
	rest := context.WithoutCancel(ctx)
	if !cfg.Keep {
		defer func() {
			end, cancel := context.WithTimeout(rest, cfg.Patience)
			defer cancel()
			_, gone := admin.Delete(end, cfg.Machine, info.Group)
			err = errors.Join(err, gone)
		}()
	}
	load := kvload.Start(rest, kvload.Config{
		Clients: cfg.Clients, Machine: cfg.Machine, Prefix: cfg.Prefix, Workers: cfg.Workers,
		Pause: workerPause, Patience: cfg.Patience, Seed: cfg.Seed,
	})
	cfg.work(ctx, load)
	// Twice: workers may be at their last operation when the cluster goes away.
	end, cancel := context.WithTimeout(rest, 2*cfg.Patience)
	defer cancel()
	report, err := load.Stop(end)
	if report == nil {
		return r, err
	}
	return result(cfg.Machine, report), err
}

// work lets the load go on for as long as it should, or until it fails.
func (cfg Config) work(ctx context.Context, load *kvload.Load) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Lasts)
	defer cancel()
	told := time.NewTicker(ProgressEvery)
	defer told.Stop()
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = load.WaitFor(ctx, cmp.Or(cfg.Operations, math.MaxInt)) // Why: Stop says what went wrong
	}()
	for {
		select {
		case <-over:
			return
		case <-told.C:
			if cfg.Progress != nil {
				cfg.Progress(load.Answered())
			}
		}
	}
}

func result(machine string, report *history.Report) Result {
	return Result{
		Machine: machine, Ops: report.Ops, Answered: report.Answered, Lost: report.Lost, Doubled: report.Doubled,
		Illegal: report.Illegal, Unknown: report.Unknown, Problems: report.Problems, report: report,
	}
}

// deploy creates the machine, which must not be there.
func deploy(ctx context.Context, admin *client.Client, machine string) (client.MachineInfo, error) {
	module := kvmodule.Binary()
	digest := client.DigestOf(module)
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(module)), nil }
	if _, _, err := admin.PutModule(ctx, digest, int64(len(module)), open); err != nil {
		return client.MachineInfo{}, err
	}
	info, created, err := admin.Deploy(ctx, machine, client.DeploySpec{Module: digest})
	if p := (*client.Problem)(nil); err == nil && !created || errors.As(err, &p) && p.Code == client.CodeMachineExists {
		err = client.NewProblem(client.CodeMachineExists, "there is a machine %s already", machine).
			WithHint("It is left as it is. Choose another name with --name.")
	}
	return info, err
}
