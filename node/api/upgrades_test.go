package api_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

// putTestModule uploads a module of a few bytes.
func putTestModule(t *testing.T, c *caller, text string) client.Digest {
	t.Helper()
	module := append([]byte("\x00asm\x01\x00\x00\x00"), text...)
	digest := client.DigestOf(module)
	if r := c.do(t, "PUT", "/v1/modules/"+string(digest), bytes.NewReader(module)); r.status != 201 {
		t.Fatalf("upload: %+v", r)
	}
	return digest
}

func machineOf(t *testing.T, r reply, status int) client.MachineInfo {
	t.Helper()
	var info client.MachineInfo
	if err := json.Unmarshal([]byte(r.body), &info); err != nil || r.status != status {
		t.Fatalf("%+v, %v, want status %d", r, err, status)
	}
	return info
}

// TestUpgrade walks through a deploy that upgrades, an activation, a rollback and
// the history; the certificate says who it was.
func TestUpgrade(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	one, two, three := putTestModule(t, c, "one"), putTestModule(t, c, "two"), putTestModule(t, c, "three")
	spec := func(d client.Digest, more string) *strings.Reader {
		return strings.NewReader(`{"module":"` + string(d) + `"` + more + `}`)
	}
	if r := c.do(t, "GET", "/v1/machines/counter/history", nil); r.body != "{\"upgrades\":[]}\n" {
		t.Errorf("history is %q", r.body)
	}
	if r := c.do(t, "POST", "/v1/machines/counter/rollback", nil); r.status != 409 || r.problem.Code != client.CodeNothingToRollBack {
		t.Errorf("rollback of nothing: %+v", r)
	}
	if r := c.do(t, "PUT", "/v1/machines/counter", spec(one, "")); r.status != 409 || r.problem.Code != client.CodeMachineExists {
		t.Errorf("deploy without leave to upgrade: %+v", r)
	}
	info := machineOf(t, c.do(t, "PUT", "/v1/machines/counter", spec(one, `,"upgrade":true`)), 200)
	if !info.Changed || info.Module != one || info.Upgrade == nil || info.Upgrade.By != "admin" {
		t.Errorf("deploy as upgrade: %+v", info)
	}
	info = machineOf(t, c.do(t, "PUT", "/v1/machines/new", spec(one, `,"upgrade":true`)), 201)
	if !info.Changed || info.Upgrade != nil {
		t.Errorf("deploy that may upgrade and creates: %+v", info)
	}
	info = machineOf(t, c.do(t, "POST", "/v1/machines/counter/activate", spec(two, "")), 200)
	if !info.Changed || info.Module != two || info.RunningModule != two || info.RunningSince != info.Upgrade.Index {
		t.Errorf("activate: %+v", info)
	}
	if info = machineOf(t, c.do(t, "POST", "/v1/machines/counter/activate", spec(two, "")), 200); info.Changed {
		t.Errorf("activate again: %+v", info)
	}
	machineOf(t, c.do(t, "POST", "/v1/machines/counter/activate", spec(three, `,"limits":{"memory_bytes":65536}`)), 200)
	info = machineOf(t, c.do(t, "POST", "/v1/machines/counter/rollback", strings.NewReader("{}")), 200)
	if !info.Changed || info.Module != two || !info.Upgrade.Rollback {
		t.Errorf("rollback: %+v", info)
	}
	var list struct{ Upgrades []client.UpgradeInfo }
	r := c.do(t, "GET", "/v1/machines/counter/history", nil)
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list.Upgrades) != 4 || list.Upgrades[0].To != two || list.Upgrades[3].To != one {
		t.Errorf("history is %s, %v", r.body, err)
	}
}

// TestUpgradeMistakes: what cannot be is refused before it reaches the backend.
func TestUpgradeMistakes(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	for _, m := range []struct {
		method, path, body string
		status             int
		code               client.Code
	}{
		{"PUT", "counter", `{"module":"` + someHash + `","snapshot":"pages"}`, 400, client.CodeBadRequest},
		{"POST", "counter/activate", "", 400, client.CodeBadRequest},
		{"POST", "counter/activate", `{"module":"sha256:00"}`, 400, client.CodeBadRequest},
		{"POST", "counter/activate", `{"module":"` + someHash + `","by":"eve"}`, 400, client.CodeBadRequest},
		{"POST", "counter/activate?force=true", `{"module":"` + someHash + `"}`, 400, client.CodeUnknownParameter},
		{"GET", "counter/activate", "", 405, client.CodeMethodNotAllowed},
		{"POST", "counter/rollback", `{"module":"` + someHash + `"}`, 400, client.CodeBadRequest},
		{"POST", "counter/history", "", 405, client.CodeMethodNotAllowed},
		{"GET", "counter/history?all=true", "", 400, client.CodeUnknownParameter},
		{"GET", "counter/snapshots", "", 405, client.CodeMethodNotAllowed},
		{"POST", "counter/snapshots?node=2", "", 400, client.CodeUnknownParameter},
		{"POST", "counter/snapshots", `{"node":2}`, 400, client.CodeBadRequest},
		{"POST", "No/rollback", "", 400, client.CodeBadName},
	} {
		r := c.do(t, m.method, "/v1/machines/"+m.path, strings.NewReader(m.body))
		if r.status != m.status || r.problem.Code != m.code {
			t.Errorf("%s %s %s: %+v, want %d %s", m.method, m.path, m.body, r, m.status, m.code)
		}
	}
	if n := b.Seen("Activate") + b.Seen("Rollback") + b.Seen("History") + b.Seen("TakeSnapshot"); n != 0 {
		t.Errorf("%d mistakes reached the backend", n)
	}
	unknown := c.do(t, "POST", "/v1/machines/nobody/activate", strings.NewReader(`{"module":"`+someHash+`"}`))
	if unknown.status != 404 || unknown.problem.Code != client.CodeUnknownMachine {
		t.Errorf("an unknown machine: %+v", unknown)
	}
}
