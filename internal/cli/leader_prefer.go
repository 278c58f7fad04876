package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

// leaderPrefer are the flags of wraftd leader prefer.
type leaderPrefer struct {
	anywhere bool
	follow   string
}

func (p *Program) leaderPreferCommand() *cobra.Command {
	o := leaderPrefer{}
	cmd := &cobra.Command{
		Use: "prefer [REGION...]", Short: "Say in which regions leaders are to be",
		Long: "Says in which regions the leaders of all groups are to be, the best first. When a voter in a better\n" +
			"region has been fit to lead for half a minute, leadership goes there; from one that keeps failing it\n" +
			"stays away longer each time. Leadership that somebody moved by hand stays for ten minutes. With\n" +
			"--follow on a machine's leadership goes to the region that two thirds of its commands come from, among\n" +
			"the preferred ones if there are any. Without arguments it shows what holds. Nodes say in which region\n" +
			"they are: region in their configuration, shown by wraftd nodes list.",
		Example: "  wraftd leader prefer eu-west eu-north\n  wraftd leader prefer --anywhere --follow on\n  wraftd leader prefer",
		Args:    cobra.ArbitraryArgs,
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.Flags().BoolVar(&o.anywhere, "anywhere", false, "prefer no region")
	cmd.Flags().StringVar(&o.follow, "follow", "", "on or off: whether leaders follow commands")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		change, err := o.change(args)
		if err != nil {
			return err
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			policy, err := changeLeaders(ctx, cl, change)
			if err != nil {
				return err
			}
			return p.print(cmd, view{value: policy, rows: policyFacts(policy), names: policy.Regions})
		})
	}
	return cmd
}

// change is what arguments and flags ask for.
func (o leaderPrefer) change(regions []string) (client.LeaderChange, error) {
	c := client.LeaderChange{}
	switch {
	case o.anywhere && len(regions) > 0:
		return c, usage("either regions or --anywhere")
	case o.anywhere:
		c.Regions = &[]string{}
	case len(regions) > 0:
		c.Regions = &regions
	}
	switch o.follow {
	case "":
	case "on", "off":
		follow := o.follow == "on"
		c.FollowCommands = &follow
	default:
		return c, usage("--follow %q: use on or off", o.follow)
	}
	return c, c.Check()
}

// changeLeaders changes the policy, or with nothing to change asks for it.
func changeLeaders(ctx context.Context, cl *client.Client, c client.LeaderChange) (client.LeaderPolicy, error) {
	if c != (client.LeaderChange{}) {
		return cl.ChangeLeaders(ctx, c)
	}
	info, err := cl.Cluster(ctx)
	if err != nil || info.Leaders == nil {
		return client.LeaderPolicy{}, err
	}
	return *info.Leaders, nil
}

// policyFacts is one line per fact.
func policyFacts(p client.LeaderPolicy) [][]any {
	regions := "any"
	if len(p.Regions) > 0 {
		regions = strings.Join(p.Regions, ", ")
	}
	return [][]any{{"preferred regions", regions}, {"follow commands", fmt.Sprint(yesNo(p.FollowCommands))}}
}
