package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

func TestBatchTellsWhatBecameOfEachCommand(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	r := c.do(t, "POST", "/v1/machines/counter/batch", strings.NewReader(
		`{"commands":[{"data":"aW5jcg==","key":"k"},{"data":"d2hhdA=="},{"data":"aW5jcg==","key":"k"},{"data":"aW5jcg=="}]}`))
	var got struct {
		Results []struct {
			Data     []byte
			Index    uint64
			Replayed bool
			Problem  *client.Problem
		}
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 || len(got.Results) != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	one, bad, two, other := got.Results[0], got.Results[1], got.Results[2], got.Results[3]
	if b.State("counter") != "2" || string(one.Data) != string(two.Data) || one.Index == 0 || one.Index != two.Index || one.Replayed == two.Replayed {
		t.Errorf("one key ran once, state %s: %+v", b.State("counter"), got)
	}
	if bad.Problem == nil || bad.Problem.Code != client.CodeMachineRejected || other.Problem != nil || other.Index == 0 {
		t.Errorf("%+v", got)
	}
}
