package nemesis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/wraft/wraft/conformance/counter"
	"github.com/wraft/wraft/conformance/history"
	"github.com/wraft/wraft/conformance/replicas"
)

// judge ends the loads and holds what clients saw against what the nodes have. What broke
// before is a problem, and what was seen until then is judged all the same.
func (n *nemesis) judge(ctx context.Context, dir string, broken error) (Result, error) {
	r := Result{Struck: n.struck, Acts: n.acts, Problems: n.died}
	if broken != nil {
		n.log("broken: %v", broken)
		n.bringBack()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), judgePatience)
	defer cancel()
	report, err := n.kv.Stop(ctx)
	if report == nil {
		return r, errors.Join(broken, err)
	}
	counted, countErr := n.count.Stop(ctx)
	r.Ops, r.Lost, r.Doubled = report.Ops+counted.Acknowledged, report.Lost, report.Doubled
	r.Illegal, r.Unknown, r.Problems = report.Illegal, report.Unknown, append(r.Problems, report.Problems...)
	if err := errors.Join(broken, err, countErr); err != nil {
		r.Problems = append(r.Problems, err.Error())
	} else if err := n.compare(ctx, counted, &r); err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
	r.Drawing, err = draw(filepath.Join(dir, "history.html"), report)
	return r, err
}

// compare wants all nodes to hold the same, and the counter what was counted.
func (n *nemesis) compare(ctx context.Context, counted counter.Report, r *Result) error {
	ctx, cancel := context.WithTimeout(ctx, n.patience)
	defer cancel()
	if _, err := replicas.Compare(ctx, n.c.Endpoints(), n.c.TLS(), kvMachine); err != nil {
		return err
	}
	held, err := counter.Compare(ctx, n.c.Endpoints(), n.c.TLS(), counterMachine)
	if err != nil {
		return err
	}
	lost, doubled := counted.Tally(held[0].Count)
	r.Lost, r.Doubled = r.Lost+lost, r.Doubled+doubled
	return counted.Check(held[0].Count)
}

// makeWhole ends all trouble and waits until all nodes are ready.
func (n *nemesis) makeWhole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.patience)
	defer cancel()
	return errors.Join(n.heal(), n.c.Start(), n.c.WaitReady(ctx))
}

// bringBack ends all trouble as far as it can be ended.
func (n *nemesis) bringBack() {
	errs := []error{n.heal()}
	for _, node := range n.c.Nodes {
		errs = append(errs, node.Resume(), node.FailSyncs(false), node.FreeDisk(), startAgain(node))
	}
	if err := errors.Join(errs...); err != nil {
		n.log("  %v", err)
	}
}

// draw writes a page about the first key without an order, if there is one.
func draw(file string, report *history.Report) (string, error) {
	if report.Illegal == 0 {
		return "", nil
	}
	out, err := os.Create(file)
	if err != nil {
		return "", fmt.Errorf("nemesis: %w", err)
	}
	drawn, err := report.Draw(out)
	if err = errors.Join(err, out.Close()); err != nil || !drawn {
		return "", errors.Join(err, os.Remove(file))
	}
	return file, nil
}
