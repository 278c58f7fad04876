package counter

import (
	"strings"
	"testing"

	"github.com/wraft/wraft/conformance/replicas"
)

func TestAgree(t *testing.T) {
	held := []Holding{
		{Replica: replicas.Replica{Endpoint: "a:1"}, Count: 5}, {Replica: replicas.Replica{Endpoint: "b:1"}, Count: 5},
		{Replica: replicas.Replica{Endpoint: "c:1"}, Count: 5},
	}
	if err := agree(held); err != nil {
		t.Fatal(err)
	}
	held[2].Count = 4
	if err := agree(held); err == nil || !strings.Contains(err.Error(), "c:1 counts 4, a:1 5") {
		t.Fatal(err)
	}
}
