package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Transfer asks for the leadership of one group.
type Transfer struct {
	// Machine is the machine whose group it is, "" for the meta group.
	Machine string `json:"machine,omitempty"`
	// To is the voter that is to lead; 0: whichever is fittest of those that do not lead.
	To NodeID `json:"to,omitempty"`
}

// Transferred answers a Transfer.
type Transferred struct {
	Machine string  `json:"machine,omitempty"`
	Group   GroupID `json:"group"`
	// Before led when the answering node was asked, 0 if it knew nobody; Leader does now.
	Before NodeID `json:"before"`
	Leader NodeID `json:"leader"`
}

const transferPath = "/v1/cluster/leader/transfer"

// TransferLeader hands the leadership of a group over and returns once it has changed.
// Nothing is lost by it; commands wait for some round trips. That the voter leads already is
// no error; CodeCannotLead when it is none or cannot.
func (c *Client) TransferLeader(ctx context.Context, t Transfer) (done Transferred, err error) {
	if t.Machine != "" {
		if err := CheckMachineName(t.Machine); err != nil {
			return done, err
		}
	}
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	data, err := json.Marshal(t)
	if err != nil {
		return done, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	a, err := c.do(ctx, &call{
		method: http.MethodPost, path: transferPath, header: http.Header{"Content-Type": {"application/json"}},
		// Why: to hand over once more to anybody does no harm.
		body: bytesBody(data), size: int64(len(data)), repeatable: true,
	})
	if err != nil {
		return done, err
	}
	return done, decode(a, &done)
}
