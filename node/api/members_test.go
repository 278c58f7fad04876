package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// TestMembers walks a node through its states.
func TestMembers(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	two := `{"id":2,"peer":"10.0.0.2:7444","api":"10.0.0.2:7443"}`
	for i, want := range []int{201, 200} {
		var info client.NodeInfo
		r := c.do(t, "POST", "/v1/cluster/members", strings.NewReader(two))
		if err := json.Unmarshal([]byte(r.body), &info); err != nil || r.status != want || info.State != client.NodeLearner {
			t.Fatalf("add %d: %+v, %v", i, r, err)
		}
	}
	r := c.do(t, "POST", "/v1/cluster/members", strings.NewReader(strings.Replace(two, "7444", "1", 1)))
	checkProblem(t, r, 409, client.CodeNodeConflict, "n2 is a learner")
	change := func(method, path, body string, status int) client.NodeChanged {
		t.Helper()
		var changed client.NodeChanged
		r := c.do(t, method, path, strings.NewReader(body))
		if err := json.Unmarshal([]byte(r.body), &changed); err != nil || r.status != status {
			t.Fatalf("%s %s %s: %+v, %v", method, path, body, r, err)
		}
		return changed
	}
	if got := change("PATCH", "/v1/cluster/members/2", `{"state":"voter","dry_run":true}`, 200); got.Node.State != client.NodeLearner || got.Quorum.VotersAfter != 2 || !got.DryRun {
		t.Errorf("a dry run: %+v", got)
	}
	if got := change("PATCH", "/v1/cluster/members/2", `{"state":"voter"}`, 200); got.Node.State != client.NodeVoter {
		t.Errorf("promoted: %+v", got)
	}
	checkProblem(t, c.do(t, "DELETE", "/v1/cluster/members/1", nil), 409, client.CodeQuorumLoss, "1 voters would be left")
	checkProblem(t, c.do(t, "PATCH", "/v1/cluster/members/1", strings.NewReader(`{"state":"learner"}`)), 409, client.CodeQuorumLoss, "")
	if got := change("DELETE", "/v1/cluster/members/2?dry-run=true", "", 200); got.Node.State != client.NodeVoter {
		t.Errorf("a dry run of a removal: %+v", got)
	}
	if got := change("DELETE", "/v1/cluster/members/2?accept-quorum-loss=true", "", 200); got.Node.State != client.NodeRemoved {
		t.Errorf("removed: %+v", got)
	}
	checkProblem(t, c.do(t, "DELETE", "/v1/cluster/members/9", nil), 404, client.CodeUnknownNode, "")
	checkProblem(t, c.do(t, "DELETE", "/v1/cluster/members/1?accept-quorum-loss=true", nil), 409, client.CodeLastVoter, "")
}

// TestMemberMistakes: what cannot be is refused before it reaches the backend.
func TestMemberMistakes(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	for _, m := range []struct {
		method, path, body, detail string
		status                     int
		code                       client.Code
	}{
		{"POST", "", `{"peer":"a:1","api":"b:1"}`, "id: missing", 400, client.CodeBadRequest},
		{"POST", "", `{"id":2,"peer":"a","api":"b:1"}`, "peer:", 400, client.CodeBadRequest},
		{"POST", "", `{"id":2,"peer":"a:1","api":":1"}`, "api:", 400, client.CodeBadRequest},
		{"POST", "", `{"id":2,"peer":"a:1","api":"b:0"}`, "api:", 400, client.CodeBadRequest},
		{"POST", "", `{"id":2,"peer":"a:1","api":"b:1","state":"voter"}`, "unknown field", 400, client.CodeBadRequest},
		{"POST", "?force=true", `{}`, "takes no parameters", 400, client.CodeUnknownParameter},
		{"GET", "", "", "allowed: POST", 405, client.CodeMethodNotAllowed},
		{"PATCH", "/x", `{"state":"voter"}`, "not the ID", 400, client.CodeBadRequest},
		{"PATCH", "/0", `{"state":"voter"}`, "not the ID", 400, client.CodeBadRequest},
		{"PATCH", "/2", `{"state":"removed"}`, "use voter, learner or leaving", 400, client.CodeBadRequest},
		{"PATCH", "/2", `{}`, "use voter", 400, client.CodeBadRequest},
		{"PATCH", "/2?dry-run=true", `{"state":"voter"}`, "takes no parameters", 400, client.CodeUnknownParameter},
		{"DELETE", "/2?dry-run=maybe", "", "true or false", 400, client.CodeBadRequest},
		{"DELETE", "/2?yes=true", "", "takes accept-quorum-loss", 400, client.CodeUnknownParameter},
		{"PUT", "/2", "", "allowed: DELETE, PATCH", 405, client.CodeMethodNotAllowed},
	} {
		checkProblem(t, c.do(t, m.method, "/v1/cluster/members"+m.path, strings.NewReader(m.body)), m.status, m.code, m.detail)
	}
	if n := b.Seen("AddNode") + b.Seen("ChangeNode"); n != 0 {
		t.Errorf("%d mistakes reached the backend", n)
	}
}
