package client

import (
	"context"
	"net/http"
	"time"
)

// SnapshotInfo describes a snapshot of a machine that one node has taken.
type SnapshotInfo struct {
	Machine string  `json:"machine"`
	Group   GroupID `json:"group"`
	// Node has it; the others have their own.
	Node NodeID `json:"node"`
	// Index and Term are those of the last entry in it.
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	// Bytes is the size of its file, whose digest is Digest, in hexadecimal digits.
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"`
	// Base is the digest of the file that this one is an increment on; "": it is whole.
	Base string `json:"base,omitempty"`
	// Took is how long it took until the snapshot was durable.
	Took time.Duration `json:"took_ns"`
}

// TakeSnapshot has the node that answers take a snapshot of a machine and returns once
// it is durable. It fails with CodeSnapshotUnderWay when one is being written, or when the
// time was up and it still is, and with CodeSnapshotCurrent when nothing was applied since
// the newest.
func (c *Client) TakeSnapshot(ctx context.Context, machine string) (info SnapshotInfo, err error) {
	if err := CheckMachineName(machine); err != nil {
		return info, err
	}
	ctx, cancel := c.bound(ctx, TimeoutMax)
	defer cancel()
	// Why not repeated after a cut: the second would find a current one, and say nothing of it.
	a, err := c.do(ctx, &call{method: http.MethodPost, path: machinePath(machine) + "/snapshots", whole: true})
	if err != nil {
		return info, err
	}
	return info, decode(a, &info)
}
