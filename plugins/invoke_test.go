package plugins

import (
	"context"
	"errors"

	"github.com/wraft/wraft/plugins/abi"
)

// Invoke calls any export as an entry calls apply: what traps is undone, what does
// not stands. A trap is a status and a text; the types are those of the results.
func (i *Instance) Invoke(ctx context.Context, name string, args []uint64) (results []uint64, types []abi.ValueType, r Result, err error) {
	if err := i.ready(ctx); err != nil {
		return nil, nil, Result{}, err
	}
	f := i.live.module.ExportedFunction(name)
	if f == nil {
		return nil, nil, Result{}, errors.New("no such export")
	}
	i.live.host.begin(Moment{}, domainApply, 0)
	i.live.host.meter.fill(i.config.Limits.FuelCommandMax, i.config.Limits.StackBytesMax)
	results, err = f.Call(i.live.ctx, args...)
	for _, t := range f.Definition().ResultTypes() {
		types = append(types, abi.ValueType(t))
	}
	if err == nil {
		i.checkpoint()
		return results, types, Result{}, nil
	}
	var fault *fault
	if err = i.live.explain(err); !errors.As(err, &fault) {
		return nil, nil, Result{}, err
	}
	return nil, types, fault.result(), i.rollback()
}

// Global reads an exported global of the live guest.
func (i *Instance) Global(name string) (t abi.ValueType, bits uint64, ok bool) {
	g := i.live.module.ExportedGlobal(name)
	if g == nil {
		return 0, 0, false
	}
	return abi.ValueType(g.Type()), g.Get(), true
}
