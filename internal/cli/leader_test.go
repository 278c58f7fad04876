package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
)

// TestLeadersView: regions of leaders, and the policy, in the table and in JSON.
func TestLeadersView(t *testing.T) {
	info := client.ClusterInfo{
		Nodes:   []client.NodeInfo{{ID: 1, Region: "eu"}, {ID: 2, Region: "us"}},
		Groups:  []client.GroupInfo{{Group: 1, Leader: 1, Term: 3}, {Group: 2, Machine: "kv", Leader: 2, Term: 4}, {Group: 3, Machine: "new"}},
		Leaders: &client.LeaderPolicy{Regions: []string{"us", "eu"}, FollowCommands: true},
	}
	v := leadersView(info)
	if got, want := fmt.Sprint(v.rows), "[[1 (meta) 1 3 eu us, eu] [2 kv 2 4 us as commands come: us, eu] [3 new - 0 - as commands come: us, eu]]"; got != want {
		t.Errorf("the table has %s\nwant %s", got, want)
	}
	text, err := json.Marshal(v.value)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"machine":"kv"`, `"leader_region":"us"`, `"policy":{"regions":["us","eu"],"follow_commands":true}`} {
		if strings.Count(string(text), part) != 1 {
			t.Errorf("%s is not there once: %s", part, text)
		}
	}
	if strings.Contains(string(text), `"leader_region":""`) {
		t.Errorf("who has no leader has a region: %s", text)
	}
}
