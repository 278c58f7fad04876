package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// TestDelete walks through a deletion, its repetition, what is said of the machine
// afterwards, and another one of its name.
func TestDelete(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	for _, path := range []string{"/v1/machines/counter?group=x", "/v1/machines/counter?force=true", "/v1/machines/Counter"} {
		if r := c.do(t, "DELETE", path, nil); r.status != 400 {
			t.Errorf("%s: %+v", path, r)
		}
	}
	if n := b.Seen("Delete"); n != 0 {
		t.Errorf("%d mistakes reached the backend", n)
	}
	if r := c.do(t, "DELETE", "/v1/machines/nobody", nil); r.status != 404 || r.problem.Code != client.CodeUnknownMachine {
		t.Errorf("an unknown machine: %+v", r)
	}
	if r := c.do(t, "GET", "/v1/machines?deleted=true", nil); r.body != "{\"deleted\":[]}\n" {
		t.Errorf("deleted are %q", r.body)
	}
	group := machineOf(t, c.do(t, "GET", "/v1/machines/counter", nil), 200).Group
	for i := range 2 {
		var gone client.DeletedMachine
		r := c.do(t, "DELETE", "/v1/machines/counter?group="+group.String(), nil)
		if err := json.Unmarshal([]byte(r.body), &gone); err != nil || r.status != 200 || gone.Changed != (i == 0) || gone.Group != group || gone.By != "admin" {
			t.Errorf("try %d: %+v, %v", i, r, err)
		}
	}
	for _, ask := range [][2]string{{"POST", "/v1/machines/counter/commands"}, {"POST", "/v1/machines/counter/queries"}, {"GET", "/v1/machines/counter"}} {
		if r := c.do(t, ask[0], ask[1], strings.NewReader("")); r.status != 404 || r.problem.Code != client.CodeMachineDeleted {
			t.Errorf("%v: %+v", ask, r)
		}
	}
	if r := c.do(t, "GET", "/v1/machines?deleted=true", nil); !strings.Contains(r.body, `"name":"counter"`) || !strings.Contains(r.body, `"delete_index"`) {
		t.Errorf("deleted are %q", r.body)
	}
	digest := putTestModule(t, c, "one")
	machineOf(t, c.do(t, "PUT", "/v1/machines/counter", strings.NewReader(`{"module":"`+string(digest)+`"}`)), 201)
}
