package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/wraft/wraft/raft"
)

func TestLeadersInTheCatalogue(t *testing.T) {
	l := newMetaLog(t, Level2, Level2)
	change := func(regions []string, follow *bool) int32 {
		t.Helper()
		c := LeaderChange{Follow: follow}
		if regions != nil {
			c.Regions = &regions
		}
		return l.later(laterCommand{Leaders: &leadersCommand{Change: c}}).Status
	}
	on, off := true, false
	many := strings.Fields(strings.Repeat("r ", PreferredRegionsMax+1))
	for i := range many {
		many[i] += strings.Repeat("x", i)
	}
	for i, step := range []struct {
		regions []string
		follow  *bool
		status  int32
		want    LeaderPolicy
	}{
		{nil, nil, metaExists, LeaderPolicy{}},
		{[]string{"eu", "us"}, nil, metaOK, LeaderPolicy{Regions: []string{"eu", "us"}}},
		{[]string{"eu", "us"}, &off, metaExists, LeaderPolicy{Regions: []string{"eu", "us"}}},
		{nil, &on, metaOK, LeaderPolicy{Regions: []string{"eu", "us"}, Follow: true}},
		{[]string{"us", "eu"}, nil, metaOK, LeaderPolicy{Regions: []string{"us", "eu"}, Follow: true}},
		{[]string{"us", "us"}, nil, metaMalformed, LeaderPolicy{Regions: []string{"us", "eu"}, Follow: true}},
		{[]string{""}, nil, metaMalformed, LeaderPolicy{Regions: []string{"us", "eu"}, Follow: true}},
		{[]string{strings.Repeat("x", RegionBytesMax+1)}, nil, metaMalformed, LeaderPolicy{Regions: []string{"us", "eu"}, Follow: true}},
		{many, nil, metaMalformed, LeaderPolicy{Regions: []string{"us", "eu"}, Follow: true}},
		{[]string{}, nil, metaOK, LeaderPolicy{Follow: true}},
		{nil, &off, metaOK, LeaderPolicy{}},
	} {
		status := change(step.regions, step.follow)
		got := l.catalogue.LeaderPolicy()
		if status != step.status || !slices.Equal(got.Regions, step.want.Regions) || got.Follow != step.want.Follow {
			t.Errorf("step %d: status %d, %+v, want %d, %+v", i, status, got, step.status, step.want)
		}
	}
	if l.catalogue.Leaders != nil {
		t.Error("a policy that asks for nothing leaves a trace in the catalogue, which the release before cannot read")
	}
	last := l.catalogue.Audit[len(l.catalogue.Audit)-1]
	if len(l.catalogue.Audit) != 5 || last.Action != "place-leaders" || last.By != "ann" || last.Detail != "follow false" {
		t.Errorf("%d records, the last is %+v", len(l.catalogue.Audit), last)
	}
}

func TestRegionsInTheCatalogue(t *testing.T) {
	l := newMetaLog(t, Level2, Level2)
	id := l.catalogue.Nodes[0].ID
	for _, step := range []struct {
		node   raft.NodeID
		region string
		want   int32
	}{
		{id, "eu", metaOK}, {id, "eu", metaExists}, {99, "eu", metaUnknownNode}, {id, strings.Repeat("x", RegionBytesMax+1), metaMalformed}, {id, "us", metaOK},
	} {
		if got := l.later(laterCommand{Region: &regionCommand{Node: step.node, Region: step.region}}); got.Status != step.want {
			t.Errorf("%v in %.9q: status %d, want %d", step.node, step.region, got.Status, step.want)
		}
	}
	if r, _ := l.catalogue.Node(id); r.Region != "us" || len(l.catalogue.Audit) != 0 {
		t.Errorf("%+v, %d records of what nodes do by themselves", r, len(l.catalogue.Audit))
	}
}
