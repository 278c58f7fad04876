package server

import (
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node"
)

func TestKnownRegions(t *testing.T) {
	nodes := []node.NodeRecord{{ID: 1, Region: "eu"}, {ID: 2, Region: "us"}, {ID: 3}, {ID: 4, Region: "ap", State: node.NodeRemoved}}
	for _, c := range []struct {
		name    string
		regions []string
		nodes   []node.NodeRecord
		want    string
	}{
		{"known", []string{"us", "eu"}, nodes, ""},
		{"none", nil, nil, ""},
		{"misspelt", []string{"eu", "u"}, nodes, `no node is in region "u": there are nodes in eu, us; add one there first`},
		{"of a node that is gone", []string{"ap"}, nodes, `no node is in region "ap": there are nodes in eu, us; add one there first`},
		{"no node has one", []string{"eu"}, nodes[2:3], "no node says in which region it is: give each its region in its configuration, and start it again"},
	} {
		err := knownRegions(c.regions, c.nodes)
		if problem, _ := err.(*client.Problem); c.want == "" && err != nil || c.want != "" && (problem == nil || problem.Detail != c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
