package examples

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/wraft/wraft/conformance/abi"
	"github.com/wraft/wraft/conformance/abi/scenario"
	"github.com/wraft/wraft/plugins"
)

// Digest sums up what a machine answers to all commands and queries of its subject,
// and what it exports afterwards. Machines of one name have equal digests in all
// languages. Errors are trouble of the host, or *plugins.GuestError.
func Digest(ctx context.Context, engine *plugins.Engine, s abi.Subject) (sum [32]byte, err error) {
	module, err := engine.Compile(ctx, s.Binary)
	if err != nil {
		return sum, fmt.Errorf("examples: %w", err)
	}
	i, err := engine.NewInstance(ctx, module, plugins.InstanceConfig{Created: scenario.Start})
	if err != nil {
		return sum, fmt.Errorf("examples: %w", err)
	}
	defer i.Close(ctx)
	h := sha256.New()
	commands, queries := inputs(s)
	for n, c := range commands {
		results, err := i.Apply(ctx, plugins.Moment{Index: uint64(n) + 1, Time: int64(n) + 1}, [][]byte{c})
		if err != nil {
			return sum, fmt.Errorf("examples: %w", err)
		}
		add(h, results[0])
	}
	for _, q := range queries {
		result, err := i.Query(ctx, q)
		if err != nil {
			return sum, fmt.Errorf("examples: %w", err)
		}
		add(h, result)
	}
	if err := i.Export(ctx, h); err != nil {
		return sum, fmt.Errorf("examples: %w", err)
	}
	return [32]byte(h.Sum(nil)), nil
}

// inputs are those of the scenarios, and the subject's own.
func inputs(s abi.Subject) (commands, queries [][]byte) {
	for _, f := range s.Scenarios {
		commands, queries = append(commands, f.Commands()...), append(queries, f.Queries()...)
	}
	return append(commands, s.Commands...), append(queries, s.Queries...)
}

func add(h hash.Hash, r plugins.Result) {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], uint32(r.Status))
	binary.LittleEndian.PutUint32(head[4:], uint32(len(r.Data)))
	h.Write(head[:])
	h.Write(r.Data)
}
