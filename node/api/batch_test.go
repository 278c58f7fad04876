package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

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

// batchOf is a request's body with so many commands.
func batchOf(commands int) string {
	return `{"commands":[` + strings.Repeat(`{"data":"aW5jcg=="},`, commands-1) + `{"data":"aW5jcg=="}]}`
}

// TestBatchesTakeAPlacePerCommand, over all versions of HTTP: 256 at most, at once or not at all.
func TestBatchesTakeAPlacePerCommand(t *testing.T) {
	const batch = "/v1/machines/counter/batch"
	for version, transport := range versions {
		t.Run(version, func(t *testing.T) {
			b, admin, s := setup(t, apitest.Options{Native: true})
			c := &caller{http: &http.Client{Transport: transport(t, s.ClientTLS(t))}, base: "https://" + s.Address}
			gate := make(chan struct{})
			open := sync.OnceFunc(func() { close(gate) })
			b.Fail(func(string) error { <-gate; return nil })
			answers := make(chan int)
			sent := 0
			send := func(commands int) {
				sent++
				go func() {
					res, err := c.http.Post(c.base+batch, "application/json", strings.NewReader(batchOf(commands)))
					if err != nil {
						t.Error(err)
						answers <- 0
						return
					}
					res.Body.Close()
					answers <- res.StatusCode
				}()
			}
			defer func() {
				open()
				for range sent {
					if status := <-answers; status != 200 {
						t.Errorf("a batch was answered with %d", status)
					}
				}
			}()
			for range 15 {
				send(client.BatchCommandsMax)
			}
			send(200)
			awaitInflight(t, admin, 15*256+200) // of 4,096 that one client may have
			r := c.do(t, "POST", batch, strings.NewReader(batchOf(57)))
			checkProblem(t, r, 429, client.CodeBackpressure, "4041 requests")
			if r.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
			}
			awaitInflight(t, admin, 15*256+200)
			send(56)
			awaitInflight(t, admin, 4096)
			checkProblem(t, c.do(t, "POST", commands, strings.NewReader("incr")), 429, client.CodeBackpressure, "share")
			open()
			awaitInflight(t, admin, 0)
			if state := b.State("counter"); state != fmt.Sprint(15*client.BatchCommandsMax+200+56) {
				t.Errorf("the state is %s", state)
			}
		})
	}
}

// awaitInflight waits until so many requests are under way, as the metric has it.
func awaitInflight(t *testing.T, c *caller, want int) {
	t.Helper()
	line := fmt.Sprintf("\nwraft_api_inflight_requests %d\n", want)
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for end := time.Now().Add(shutdownDeadline); ; <-ticks.C {
		r := c.do(t, "GET", "/metrics", nil)
		if strings.Contains(r.body, line) {
			return
		}
		if time.Now().After(end) {
			_, now, _ := strings.Cut(r.body, "\nwraft_api_inflight_requests ")
			t.Fatalf("under way are %.20q, want %d", now, want)
		}
	}
}
