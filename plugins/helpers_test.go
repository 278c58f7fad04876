package plugins_test

import (
	"errors"
	"fmt"

	"github.com/wraft/wraft/plugins"
)

// texts draws results as "status text".
func texts(results []plugins.Result) []string {
	out := make([]string, len(results))
	for k, r := range results {
		out[k] = fmt.Sprintf("%d %s", r.Status, r.Data)
	}
	return out
}

// refusedBy is the rule of a refusal.
func refusedBy(err error) string {
	var r *plugins.RefusedError
	if !errors.As(err, &r) {
		return ""
	}
	return r.Rule
}
