package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wraft/wraft/node/api/apitest"
)

const shutdownDeadline = 2 * time.Minute

func TestShutdownWaitsForRunningRequests(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	b := apitest.New(func(_ *string, command []byte) ([]byte, error) {
		close(arrived)
		<-release
		return command, nil
	})
	b.AddMachine("slow")
	s := apitest.Start(t, b, apitest.Options{})
	c := newCaller(t, s, s.ClientTLS(t))
	answered := make(chan reply, 1)
	go func() { answered <- c.do(t, "POST", "/v1/machines/slow/commands", strings.NewReader("x")) }()
	<-arrived

	brief, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	waits := make(chan error, 1)
	ctx, cancelWait := context.WithTimeout(t.Context(), shutdownDeadline)
	defer cancelWait()
	go func() { waits <- s.API.Shutdown(ctx) }()
	<-brief.Done()
	select {
	case err := <-waits:
		t.Fatalf("shut down before the request was answered: %v", err)
	default:
	}
	close(release)
	if r := <-answered; r.status != 200 || r.body != "x" {
		t.Errorf("got %+v", r)
	}
	if err := <-waits; err != nil {
		t.Errorf("shut down: %v", err)
	}
}

func TestShutdownCutsWhenItsTimeIsUp(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	b := apitest.New(func(*string, []byte) ([]byte, error) {
		close(arrived)
		<-release
		return nil, nil
	})
	b.AddMachine("slow")
	s := apitest.Start(t, b, apitest.Options{})
	defer close(release)
	c := s.Client(t)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Command(t.Context(), "slow", nil)
		failed <- err
	}()
	<-arrived
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.API.Shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("shut down: %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("the cut request succeeded")
	}
}
