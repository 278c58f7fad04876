package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/client"
	"github.com/wraft/wraft/node/api/apitest"
)

func TestPagesOfANode(t *testing.T) {
	b := apitest.New(nil)
	s := apitest.Start(t, b, apitest.Options{})
	c := s.Client(t)
	if _, err := c.Machines(t.Context()); err != nil { // and so there is something to count
		t.Fatal(err)
	}
	page, err := c.Page(t.Context(), "/metrics", "")
	if err != nil || page.Status != 200 || !strings.Contains(string(page.Body), "wraft_api_requests_total") {
		t.Fatalf("%d, %v\n%s", page.Status, err, page.Body)
	}
	if apart := time.Since(page.Time); apart < -time.Second || apart > time.Minute {
		t.Errorf("the node says that it is %v", page.Time)
	}
	b.SetChecks(client.Check{Name: "disk", Detail: "full"})
	page, err = c.Page(t.Context(), "/readyz", "verbose")
	if err != nil || page.Status != 503 || string(page.Body) != "FAILED disk: full\n" {
		t.Errorf("%d, %v, %s", page.Status, err, page.Body)
	}
	for path, code := range map[string]client.Code{"/readyz": client.CodeNotReady, "/nothing": client.CodeUnknownPath} {
		var p *client.Problem
		if _, err := c.Page(t.Context(), path, ""); !errors.As(err, &p) || p.Code != code || p.Outcome != client.NotApplied {
			t.Errorf("%s: %v", path, err)
		}
	}
}
