package client

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
)

const (
	// PreferredRegionsMax bounds the regions that leaders are to be in.
	PreferredRegionsMax = 32
	// RegionBytesMax bounds the name of a region.
	RegionBytesMax = 128
)

// LeaderPolicy says where the leaders of all groups are to be.
type LeaderPolicy struct {
	// Regions are the preferred ones, the best first; none: any will do.
	Regions []string `json:"regions,omitempty"`
	// FollowCommands has the leader of a machine go to the region that most commands come
	// from, among Regions if there are any.
	FollowCommands bool `json:"follow_commands,omitempty"`
}

// LeaderChange changes the policy; what is nil stays as it is.
type LeaderChange struct {
	Regions        *[]string `json:"regions,omitempty"`
	FollowCommands *bool     `json:"follow_commands,omitempty"`
}

// Check refuses a change that no cluster would take.
func (c LeaderChange) Check() error {
	if c.Regions == nil {
		return nil
	}
	if len(*c.Regions) > PreferredRegionsMax {
		return NewProblem(CodeBadRequest, "%d regions: at most %d can be preferred", len(*c.Regions), PreferredRegionsMax)
	}
	for i, r := range *c.Regions {
		switch {
		case r == "" || len(r) > RegionBytesMax:
			return NewProblem(CodeBadRequest, "region %.40q: the name of a region has 1 to %d bytes", r, RegionBytesMax)
		case slices.Contains((*c.Regions)[:i], r):
			return NewProblem(CodeBadRequest, "region %.40q is there twice: name each once, the best first", r)
		}
	}
	return nil
}

const leaderPolicyPath = "/v1/cluster/leader/policy"

// ChangeLeaders changes where leaders are to be and returns what holds then. Leadership
// follows in the minutes after. CodeBadRequest for a region in which there is no node.
func (c *Client) ChangeLeaders(ctx context.Context, change LeaderChange) (now LeaderPolicy, err error) {
	if err := change.Check(); err != nil {
		return now, err
	}
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	data, err := json.Marshal(change)
	if err != nil {
		return now, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	a, err := c.do(ctx, &call{
		method: http.MethodPatch, path: leaderPolicyPath, header: http.Header{"Content-Type": {"application/json"}},
		body: bytesBody(data), size: int64(len(data)), repeatable: true,
	})
	if err != nil {
		return now, err
	}
	return now, decode(a, &now)
}
