package examples

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wraft/wraft/plugins"
)

// unknownVersion is one that the second counter refuses, docs/ABI.md says how.
const unknownVersion = 13

// Versions takes the state of a counter through its versions: from the first, which
// has no number, to the second, to another of the second, and back. Then it offers a
// state of a version that nobody knows. first and second are modules. An error says
// what they did otherwise than the machines in Go, or what is wrong with this host.
func Versions(ctx context.Context, engine *plugins.Engine, first, second []byte) (err error) {
	var machines [3]*plugins.Instance
	for n, binary := range [][]byte{first, second, second} {
		m, err := engine.Compile(ctx, binary)
		if err != nil {
			return err
		}
		if machines[n], err = engine.NewInstance(ctx, m, plugins.InstanceConfig{}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, machines[n].Close(ctx)) }()
	}
	one, two, again := machines[0], machines[1], machines[2]
	if _, err := applied(ctx, one, 1, "add 42"); err != nil {
		return err
	}
	for _, step := range []struct {
		from, to *plugins.Instance
		version  uint32
		want     string
	}{
		{one, two, 0, `{"value":43,"version":2,"from":0}`},
		{two, again, 2, `{"value":44,"version":2,"from":2}`},
		{again, one, 2, `{"value":45}`},
	} {
		version, err := handOver(ctx, step.from, step.to)
		if err != nil {
			return err
		}
		got, err := applied(ctx, step.to, 3, "incr")
		if err != nil {
			return err
		}
		if version != step.version || got != step.want {
			return fmt.Errorf("after version %d took over it answers %s; expected version %d and %s", version, got, step.version, step.want)
		}
	}
	return refuses(ctx, two)
}

// refuses offers a state of an unknown version: the answer is still that of before.
func refuses(ctx context.Context, i *plugins.Instance) error {
	err := i.Import(ctx, plugins.Moment{Index: 4, Time: 4}, strings.NewReader("7\n"), unknownVersion)
	var guest *plugins.GuestError
	if !errors.As(err, &guest) || guest.Text != "version 13 is not known here" {
		return fmt.Errorf("a state of an unknown version: %w", errors.Join(errors.New("it is not refused as such"), err))
	}
	got, err := applied(ctx, i, 5, "get")
	if want := `{"value":43,"version":2,"from":0}`; err == nil && got != want {
		err = fmt.Errorf("after a state was refused it answers %s, not %s", got, want)
	}
	return err
}

// handOver gives one machine's state to another as an upgrade does, and returns the
// version of the one that had it.
func handOver(ctx context.Context, from, to *plugins.Instance) (version uint32, err error) {
	if version, err = from.Version(ctx); err != nil {
		return 0, err
	}
	var state bytes.Buffer
	if err := from.Export(ctx, &state); err != nil {
		return 0, err
	}
	return version, to.Import(ctx, plugins.Moment{Index: 2, Time: 2}, &state, version)
}

// applied is the answer to a command.
func applied(ctx context.Context, i *plugins.Instance, index uint64, command string) (string, error) {
	results, err := i.Apply(ctx, plugins.Moment{Index: index, Time: int64(index)}, [][]byte{[]byte(command)})
	if err != nil {
		return "", err
	}
	return string(results[0].Data), nil
}
