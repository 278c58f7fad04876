package api_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

func TestProfiles(t *testing.T) {
	_, c, _ := setup(t, apitest.Options{})
	if r := c.do(t, "GET", "/debug/pprof/goroutine?debug=2", nil); r.status != 200 || !strings.Contains(r.body, "node/api_test.TestProfiles") {
		t.Errorf("%d %.300s", r.status, r.body)
	}
	for _, path := range []string{"/debug/pprof/heap?gc=1", "/debug/pprof/goroutine", "/debug/pprof/profile?seconds=1"} {
		r := c.do(t, "GET", path, nil)
		z, err := gzip.NewReader(bytes.NewReader([]byte(r.body)))
		if r.status != 200 || err != nil {
			t.Fatalf("%s: %d, %v", path, r.status, err)
		}
		if raw, err := io.ReadAll(z); err != nil || len(raw) == 0 {
			t.Errorf("%s: %d bytes, %v", path, len(raw), err)
		}
	}
	checkProblem(t, c.do(t, "GET", "/debug/pprof/nothing", nil), 404, client.CodeUnknownPath, "no profile")
	checkProblem(t, c.do(t, "GET", "/debug/pprof/profile?seconds=1000", nil), 400, client.CodeBadRequest, "up to 120")
	checkProblem(t, c.do(t, "GET", "/debug/pprof/heap?debug=x", nil), 400, client.CodeBadRequest, "whole number")
	checkProblem(t, c.do(t, "GET", "/debug/pprof/heap?speed=1", nil), 400, client.CodeUnknownParameter, "speed")
}
