package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestAMachineJoinsByTokenAndReplacesADeadOne: it needs nothing but the token, takes the place
// of a node that was killed, and the audit says who let it in.
func TestAMachineJoinsByTokenAndReplacesADeadOne(t *testing.T) {
	ctx := within(t, 3*time.Minute)
	c := newCluster(t, ctx, "join")
	if err := c.Nodes[0].IssueCertificates(); err != nil {
		t.Fatal(err)
	}
	startAll(t, ctx, c)
	made := c.Wraftd(ctx, patience("token", "create", "--join", "--name", "fourth", "-o", "name", "--server", c.Nodes[0].URL())...)
	if made.Code != 0 {
		t.Fatalf("%+v", made)
	}
	joined, err := c.Join(ctx, strings.TrimSpace(made.Stdout))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Join(ctx, strings.TrimSpace(made.Stdout)); err == nil || !strings.Contains(err.Error(), "WRAFT-3018") {
		t.Errorf("a second machine joins by the same token: %+v, %v", again, err)
	}
	if err := joined.Start(); err != nil {
		t.Fatal(err)
	}
	dead := c.Nodes[2]
	move(t, ctx, c, "promote", joined, "", "--wait")
	if err := dead.Kill(); err != nil {
		t.Fatal(err)
	}
	replaced := c.Wraftd(ctx, patience("nodes", "replace", dead.ID.String(), joined.ID.String(), "--yes")...)
	if replaced.Code != 0 || !strings.Contains(replaced.Stderr, "4 voters -> 4, tolerates 1; then -> 3, tolerates 1") {
		t.Errorf("%+v", replaced)
	}
	audit := c.Wraftd(ctx, patience("audit", "list")...)
	for _, line := range []string{"token:fourth  join-node", "admin         create-token", "admin         remove-node"} {
		if !strings.Contains(audit.Stdout, line) {
			t.Errorf("the audit lacks %q:\n%s", line, audit.Stdout)
		}
	}
}
