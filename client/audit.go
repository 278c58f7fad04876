package client

import (
	"context"
	"time"
)

// AuditRecord says who did what.
type AuditRecord struct {
	// Index is that of the entry that did it, in the meta group's log.
	Index uint64 `json:"index"`
	// At is when, by the clock of the node that was asked.
	At time.Time `json:"at"`
	// By is the name in the certificate of who asked, or "token:" and the name of the token;
	// "" when neither was shown.
	By string `json:"by,omitempty"`
	// Action is what was done: deploy, upgrade, rollback, restore, delete, add-node,
	// promote-node, demote-node, remove-node, remove-dead-node, transfer-leader, raise-level, create-token,
	// revoke-token; there may be others.
	Action string `json:"action"`
	// Subject is what it was done to, Detail says more; both may be empty.
	Subject string `json:"subject,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// Audit lists who did what, the newest first, as far back as the cluster keeps it.
func (c *Client) Audit(ctx context.Context) ([]AuditRecord, error) {
	var list struct {
		Audit []AuditRecord `json:"audit"`
	}
	err := c.get(ctx, &call{path: "/v1/audit"}, &list)
	return list.Audit, err
}
