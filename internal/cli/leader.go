package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wraft/wraft/client"
)

func (p *Program) leaderCommand() *cobra.Command {
	return group("leader", "See who leads, and have another node lead", p.leaderShowCommand(), p.leaderTransferCommand(), p.leaderPreferCommand())
}

func (p *Program) leaderShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Show who leads each group, as the node asked knows it",
		Long: "Shows who leads each group and in which region that is, and where leaders are to be if wraftd leader\n" +
			"prefer says so. It is what the node asked knows.",
		Example: "  wraftd leader show",
		Args:    exactArgs(),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			return p.print(cmd, leadersView(info))
		})
	}
	return cmd
}

// ledGroup is a group with the region of the node that leads it.
type ledGroup struct {
	client.GroupInfo
	Region string `json:"leader_region,omitempty"`
}

// leadersView is who leads each group, and where that is to be.
func leadersView(info client.ClusterInfo) view {
	regions := map[client.NodeID]string{}
	for _, n := range info.Nodes {
		regions[n.ID] = n.Region
	}
	value := struct {
		Groups []ledGroup           `json:"groups"`
		Policy *client.LeaderPolicy `json:"policy,omitempty"`
	}{[]ledGroup{}, info.Leaders}
	v := view{header: []string{"group", "machine", "leader", "term", "region", "preferred"}}
	for _, g := range info.Groups {
		value.Groups = append(value.Groups, ledGroup{g, regions[g.Leader]})
		v.rows = append(v.rows, []any{g.Group.String(), groupName(g.Machine), dash(g.Leader.String()), g.Term, dash(regions[g.Leader]), dash(preferred(info.Leaders, g.Machine))})
		v.names = append(v.names, g.Leader.String())
	}
	v.value = value
	return v
}

// preferred is where a group's leader is to be; "": anywhere.
func preferred(policy *client.LeaderPolicy, machine string) string {
	if policy == nil {
		return ""
	}
	words := strings.Join(policy.Regions, ", ")
	if !policy.FollowCommands || machine == "" {
		return words
	}
	return strings.TrimSuffix("as commands come: "+words, ": ")
}

func (p *Program) leaderTransferCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "transfer (MACHINE | --meta | --all)", Short: "Have another node lead",
		Long: "Hands the leadership of a machine's group, of the meta group, or of all groups over: to the node that\n" +
			"--to names, or to whichever voter is fittest. Commands wait for some round trips meanwhile; nothing\n" +
			"is lost. Leadership moves again when that node fails or hands it over.",
		Example: "  wraftd leader transfer counter --to 2\n  wraftd leader transfer --all --to 1",
		Args:    cobra.ArbitraryArgs,
	}
	conn := p.connectFlags(cmd, callTimeout)
	to := cmd.Flags().String("to", "", "ID of the node that is to lead")
	meta := cmd.Flags().Bool("meta", false, "the meta group, which has the catalogue")
	all := cmd.Flags().Bool("all", false, "all groups, one after the other")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		named := len(args)
		for _, given := range []bool{*meta, *all} {
			if given {
				named++
			}
		}
		if named != 1 {
			return usage("say of which group: MACHINE, --meta or --all")
		}
		var heir client.NodeID
		if *to != "" {
			id, err := parseNodeID(*to)
			if err != nil {
				return err
			}
			heir = id
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			asks := []client.Transfer{{To: heir}}
			switch {
			case len(args) == 1:
				asks[0].Machine = args[0]
			case *all:
				info, err := cl.Cluster(ctx)
				if err != nil {
					return err
				}
				asks = nil
				for _, g := range info.Groups {
					asks = append(asks, client.Transfer{Machine: g.Machine, To: heir})
				}
			}
			return p.transfer(ctx, cmd, cl, asks)
		})
	}
	return cmd
}

func (p *Program) nodesDrainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "drain NODE", Short: "Have a node hand over all that it leads",
		Long: "Has a node hand over the leadership of all groups that it leads, so that stopping it interrupts\n" +
			"nobody. It goes on to vote, and to have its replicas. Stop it soon: it leads again when others fail or\n" +
			"hand over to it. Before, the effect on the quorum of its being away is shown.",
		Example: "  wraftd nodes drain 2",
		Args:    exactArgs("NODE"),
	}
	conn := p.connectFlags(cmd, callTimeout)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := parseNodeID(args[0])
		if err != nil {
			return err
		}
		return p.withClient(cmd, conn, func(ctx context.Context, cl *client.Client) error {
			effect, err := cl.ChangeNode(ctx, id, client.NodeChange{State: client.NodeLearner, DryRun: true})
			if err != nil {
				return err
			}
			fmt.Fprintln(p.Stderr, awayWords(id, effect.Quorum))
			info, err := cl.Cluster(ctx)
			if err != nil {
				return err
			}
			var asks []client.Transfer
			for _, g := range info.Groups {
				if g.Leader == id {
					asks = append(asks, client.Transfer{Machine: g.Machine})
				}
			}
			if len(asks) == 0 {
				fmt.Fprintf(p.Stderr, "node %d leads nothing\n", id)
			}
			return p.transfer(ctx, cmd, cl, asks)
		})
	}
	return cmd
}

// awayWords says what is left while a node is stopped.
func awayWords(id client.NodeID, e client.QuorumEffect) string {
	quorum := e.VotersBefore/2 + 1
	if e.There < quorum {
		return fmt.Sprintf("while node %d is stopped %d of %d voters answer, %d are needed: nothing can be written then", id, e.There, e.VotersBefore, quorum)
	}
	return fmt.Sprintf("while node %d is stopped %d of %d voters answer, %d are needed", id, e.There, e.VotersBefore, quorum)
}

// transfer hands groups over, one after the other, and shows who leads them.
func (p *Program) transfer(ctx context.Context, cmd *cobra.Command, cl *client.Client, asks []client.Transfer) error {
	all := []client.Transferred{}
	v := view{header: []string{"group", "machine", "led by", "leader"}}
	for _, ask := range asks {
		done, err := cl.TransferLeader(ctx, ask)
		if err != nil {
			return err
		}
		all = append(all, done)
		v.rows = append(v.rows, []any{done.Group.String(), groupName(done.Machine), dash(done.Before.String()), done.Leader.String()})
		v.names = append(v.names, done.Leader.String())
	}
	v.value = map[string]any{"transfers": all}
	return p.print(cmd, v)
}

// groupName is a machine's name in a table, or what stands for the meta group.
func groupName(machine string) string {
	if machine == "" {
		return "(meta)"
	}
	return machine
}
