package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

const logsPath = "/v1/machines/counter/logs"

// TestLogsStream: what is there, what comes, and from a place or a time on.
func TestLogsStream(t *testing.T) {
	b, c, _ := setup(t, apitest.Options{})
	b.Log("counter", "info", "a")
	b.Log("counter", "warn", "b\nc")
	first := "id: 1769860800000000\ndata: {\"place\":\"1769860800000000\",\"node\":1,\"index\":2,\"level\":\"info\",\"text\":\"a\"}\n\n"
	second := "id: 1769860800000001\ndata: {\"place\":\"1769860800000001\",\"node\":1,\"index\":2,\"level\":\"warn\",\"text\":\"b\\nc\"}\n\n"
	for path, want := range map[string]string{
		"?follow=false": "id: 0\n\n" + first + second,
		"?follow=false&since=2026-01-31T12:00:00Z":          "id: 1769860799999999\n\n" + first + second,
		"?follow=false&since=2026-01-31T12:00:00.000001Z":   "id: 1769860800000000\n\n" + second,
		"?follow=false&since=2026-01-31T13:00:00%2B01:00":   "id: 1769860799999999\n\n" + first + second,
		"?follow=false&since=2026-01-31T12:00:01.5%2B00:00": "id: 1769860801499999\n\n",
	} {
		if r := c.do(t, "GET", logsPath+path, nil); r.status != 200 || r.body != want {
			t.Errorf("%s: %d\n%s", path, r.status, r.body)
		}
	}
	if r := c.do(t, "GET", logsPath+"?follow=false&since=2026-01-31T12:00:00Z", nil, "Last-Event-ID: 1769860800000000"); r.body != "id: 1769860800000000\n\n"+second {
		t.Errorf("behind the first: %s", r.body)
	}
	in := c.open(t, logsPath)
	in.want("id: 0")
	in.want(strings.TrimSuffix(first, "\n\n"))
	in.want(strings.TrimSuffix(second, "\n\n"))
	b.Log("counter", "error", "d")
	in.want(`id: 1769860800000002` + "\n" + `data: {"place":"1769860800000002","node":1,"index":2,"level":"error","text":"d"}`)
	checkProblem(t, c.do(t, "GET", logsPath+"?since=now", nil), http.StatusBadRequest, client.CodeBadRequest, "2026-01-31T12:00:00Z")
	checkProblem(t, c.do(t, "GET", logsPath, nil, "Last-Event-ID: 1-2"), http.StatusBadRequest, client.CodeBadRequest, "no place")
	checkProblem(t, c.do(t, "GET", "/v1/machines/nobody/logs", nil), http.StatusNotFound, client.CodeUnknownMachine, "nobody")
}
