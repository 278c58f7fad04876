package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/internal/chaos"
	"github.com/wraft/wraft/internal/nodeconfig"
	"github.com/wraft/wraft/internal/relay"
)

// chaosFile in the folder of dev is how its links are reached; devVariable names the
// folder in DIR/env.
const (
	chaosFile    = "chaos.json"
	devVariable  = "WRAFT_DEV"
	chaosTimeout = 10 * time.Second
)

func (p *Program) devChaosCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Make the links of a running wraftd dev bad",
		Long: "Changes what the links between the nodes of a wraftd dev --chaos do, while it runs. What no flag names\n" +
			"stays as it is. Without --link all links change, both ways. --partition cuts nodes off from all others;\n" +
			"--heal ends that, and clear ends everything. Shows the links as they are then.",
		Example: "  wraftd dev --chaos --dir dev & source dev/env\n  wraftd dev chaos --loss 5% --rtt 150ms --jitter 10ms\n" +
			"  wraftd dev chaos --partition 1\n  wraftd status\n  wraftd dev chaos --heal\n  wraftd dev chaos clear",
		Args: exactArgs(),
	}
	dir := chaosDirFlag(cmd)
	var f chaosFlags
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		change, err := f.change(cmd)
		if err != nil {
			return err
		}
		return p.withChaos(cmd, *dir, func(ctx context.Context, r *chaos.Remote) (chaos.State, error) { return r.Apply(ctx, change) })
	}
	sub := func(use, short string, run func(*chaos.Remote, context.Context) (chaos.State, error)) *cobra.Command {
		c := &cobra.Command{Use: use, Short: short, Args: exactArgs()}
		dir := chaosDirFlag(c)
		c.RunE = func(cmd *cobra.Command, _ []string) error {
			return p.withChaos(cmd, *dir, func(ctx context.Context, r *chaos.Remote) (chaos.State, error) { return run(r, ctx) })
		}
		return c
	}
	cmd.AddCommand(sub("show", "Show what the links do, and what became of the datagrams on them", (*chaos.Remote).State),
		sub("clear", "Make all links perfect again", (*chaos.Remote).Clear))
	return cmd
}

func chaosDirFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("dir", "", "folder of the running wraftd dev ("+devVariable+", which DIR/env sets)")
}

// chaosFlags are the flags of a change, as text where they need reading.
type chaosFlags struct {
	links, partition []string
	loss, reorder    string
	burst            float64
	rtt, jitter      time.Duration
	rate             string
	heal             bool
}

func (f *chaosFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringSliceVar(&f.links, "link", nil, "the links to change, as 1-2,1-3 (default: all)")
	fl.StringVar(&f.loss, "loss", "", "share of datagrams that are lost each way, as 5%")
	fl.Float64Var(&f.burst, "burst", 0, "how many are lost in a row on average; 0: each on its own")
	fl.DurationVar(&f.rtt, "rtt", 0, "what a round trip takes on top")
	fl.DurationVar(&f.jitter, "jitter", 0, "what each way may take on top of that, at random")
	fl.StringVar(&f.reorder, "reorder", "", "share of datagrams that others overtake, as 1%")
	fl.StringVar(&f.rate, "rate", "", "bytes a second that a link carries each way, as 1MiB; 0: no bound")
	fl.StringSliceVar(&f.partition, "partition", nil, "nodes to cut off from all others, as 1 or 1,2")
	fl.BoolVar(&f.heal, "heal", false, "end the partition")
}

// change is what the flags that were given say.
func (f *chaosFlags) change(cmd *cobra.Command) (chaos.Change, error) {
	c := chaos.Change{Heal: f.heal}
	given := 0
	for _, name := range []string{"loss", "burst", "rtt", "jitter", "reorder", "rate"} {
		if !cmd.Flags().Changed(name) {
			continue
		}
		given++
		if err := f.read(name, &c); err != nil {
			return c, usage("--%s: %v", name, err)
		}
	}
	for _, text := range f.partition {
		id, err := parseNodeID(text)
		if err != nil {
			return c, err
		}
		c.Partition = append(c.Partition, id)
	}
	for _, text := range f.links {
		pair, err := parsePair(text)
		if err != nil {
			return c, err
		}
		c.Links = append(c.Links, pair)
	}
	switch {
	case given == 0 && len(c.Links) > 0:
		return c, usage("--link: say what these links are to do, as in --loss 5%%")
	case given == 0 && len(c.Partition) == 0 && !c.Heal:
		return c, usage("say what the links are to do, as in --loss 5%% or --partition 1; to look at them: wraftd dev chaos show")
	}
	return c, nil
}

// read puts one flag into the change.
func (f *chaosFlags) read(name string, c *chaos.Change) (err error) {
	share := func(text string) *float64 {
		v, problem := relay.ParseShare(text)
		err = problem
		return &v
	}
	micros := func(d time.Duration) *int64 { us := d.Microseconds(); return &us }
	switch name {
	case "loss":
		c.Loss = share(f.loss)
	case "reorder":
		c.Reorder = share(f.reorder)
	case "burst":
		c.Burst = &f.burst
	case "rtt":
		c.RTTMicros = micros(f.rtt)
	case "jitter":
		c.JitterMicros = micros(f.jitter)
	case "rate":
		size, problem := nodeconfig.ParseSize(strings.TrimSuffix(f.rate, "/s"))
		if f.rate == "0" {
			size, problem = 0, nil
		}
		bytes := uint64(size)
		c.BytesPerSecond, err = &bytes, problem
	}
	return err
}

// parsePair reads 1-2, in either order.
func parsePair(text string) (chaos.Pair, error) {
	first, second, ok := strings.Cut(text, "-")
	if !ok {
		return chaos.Pair{}, usage("--link: %q is no link: name its two nodes, as in 1-2", text)
	}
	a, err := parseNodeID(first)
	if err != nil {
		return chaos.Pair{}, err
	}
	b, err := parseNodeID(second)
	return chaos.Pair{min(a, b), max(a, b)}, err
}

// withChaos asks the running dev for something and shows the links as they are then.
func (p *Program) withChaos(cmd *cobra.Command, dir string, ask func(context.Context, *chaos.Remote) (chaos.State, error)) error {
	if dir == "" {
		dir = p.getenv(devVariable)
	}
	if dir == "" {
		return usage("which cluster? name the folder of a running wraftd dev --chaos with --dir, or source its env file")
	}
	r, err := chaos.NewRemote(filepath.Join(dir, chaosFile))
	if errors.Is(err, fs.ErrNotExist) {
		return client.NewProblem(client.CodeLocalFile, "no cluster whose links can be changed runs in %s", dir).
			WithHint("Start one there with: wraftd dev --chaos --dir DIR. One that runs without --chaos has no relays between its nodes.").WithCause(err)
	}
	if err != nil {
		return localFileError(err)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), chaosTimeout)
	defer cancel()
	s, err := ask(ctx, r)
	switch {
	case errors.Is(err, chaos.ErrRefused):
		return usage("%s", strings.TrimPrefix(err.Error(), chaos.ErrRefused.Error()+": "))
	case err != nil:
		return client.NewProblem(client.CodeUnreachable, "the wraftd dev of %s does not answer: %v", dir, err).WithCause(err)
	}
	return p.printChaos(cmd, s)
}

// printChaos shows the links, what that means, and how to take it back.
func (p *Program) printChaos(cmd *cobra.Command, s chaos.State) error {
	v := view{value: s, header: []string{"link", "state", "loss", "rtt", "jitter", "reorder", "rate", "arrived", "lost", "cut off"}}
	bad := false
	for _, l := range s.Links {
		state, rate := "open", "-"
		if l.Cut {
			state = "cut"
		}
		if l.BytesPerSecond > 0 {
			rate = nodeconfig.Size(l.BytesPerSecond).String() + "/s"
		}
		loss := relay.FormatShare(l.Loss)
		if l.Burst > 1 {
			loss += "x" + strconv.FormatFloat(l.Burst, 'g', 4, 64)
		}
		v.names = append(v.names, l.Nodes.String())
		v.rows = append(v.rows, []any{
			l.Nodes.String(), state, loss, "+" + l.RTT().String(), "+" + l.Jitter().String(), relay.FormatShare(l.Reorder), rate, l.Arrived, l.Lost + l.Overflown, l.CutOff,
		})
		bad = bad || l.Cut || l.Path != (chaos.Path{})
	}
	if err := p.print(cmd, v); err != nil {
		return err
	}
	if outputOf(cmd) == formatTable && bad {
		fmt.Fprintln(p.Stderr, "\n"+chaosWords(s))
	}
	return nil
}

// chaosWords says what a partition means, and how to end all of it.
func chaosWords(s chaos.State) string {
	const undo = "to take it back: wraftd dev chaos clear"
	apart := len(s.Apart)
	if apart == 0 {
		return undo
	}
	all, here := len(s.Nodes), max(apart, len(s.Nodes)-apart)
	words := fmt.Sprintf("%d of %d nodes reach each other: they go on, with a new leader if they have lost theirs", here, all)
	if here <= all/2 {
		words = fmt.Sprintf("at most %d of %d nodes reach each other, and a majority is needed: nothing can be written", here, all)
	}
	return words + "\nto end the partition alone: wraftd dev chaos --heal; " + undo
}
