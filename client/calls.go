package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/wraft/wraft/client/wire"
)

// Times of calls that take longer than commands, when their context has no deadline.
const (
	deployTimeoutDefault = time.Minute
	uploadTimeoutDefault = 5 * time.Minute
)

// Command applies one command at most once: when its outcome is unknown the error
// says so and nothing is repeated. Use a Session for exactly once.
func (c *Client) Command(ctx context.Context, machine string, data []byte) (CommandResult, error) {
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	return c.command(ctx, &call{request: &wire.Request{Kind: wire.KindCommand, Machine: machine, Data: data}})
}

// KeyedCommand applies a command once for all commands under its key, whoever sends
// them: it repeats it like Session.Command, and so may the caller, also from another
// process. A key is remembered for minutes at least and a day at most; CodeKeyReused says
// that it stands for other data. Where many commands are sent, a Session costs less.
func (c *Client) KeyedCommand(ctx context.Context, machine, key string, data []byte) (CommandResult, error) {
	if err := CheckKey(key); err != nil {
		return CommandResult{}, err
	}
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	return c.command(ctx, &call{
		request:    &wire.Request{Kind: wire.KindCommand, Machine: machine, Data: data, Key: key},
		repeatable: true, patient: true,
	})
}

// command completes k and reads its answer.
func (c *Client) command(ctx context.Context, k *call) (CommandResult, error) {
	if err := CheckMachineName(k.request.Machine); err != nil {
		return CommandResult{}, err
	}
	k.machine = k.request.Machine
	a, err := c.do(ctx, k)
	if err != nil {
		return CommandResult{}, err
	}
	return CommandResult{Data: a.body, Index: a.said.Index, Term: a.said.Term, Replayed: a.said.Replayed, Leader: a.said.Leader}, nil
}

// Query reads a machine. Of q, Forward is ignored: a client always lets nodes
// forward. A Stale query goes to the endpoint with the shortest round trip and not to the
// leader, and from there to the next nearest; which that is a client of several endpoints
// measures beside its calls, from its first such query on.
func (c *Client) Query(ctx context.Context, machine string, q Query) (QueryResult, error) {
	if err := CheckMachineName(machine); err != nil {
		return QueryResult{}, err
	}
	ctx, cancel := c.bound(ctx, c.config.Timeout+q.Wait)
	defer cancel()
	k := &call{request: queryRequest(machine, q), query: queryParams(q), repeatable: true, wait: q.Wait}
	if k.nearby = q.Consistency == Stale; !k.nearby {
		k.machine = machine
	}
	a, err := c.do(ctx, k)
	if err != nil {
		return QueryResult{}, asRead(err)
	}
	res := QueryResult{Data: a.body, AppliedIndex: a.said.Applied, Leader: a.said.Leader, Staleness: -1}
	if a.said.StalenessMillis >= 0 {
		res.Staleness = time.Duration(a.said.StalenessMillis) * time.Millisecond
	}
	return res, nil
}

// Machines lists all machines by name.
func (c *Client) Machines(ctx context.Context) ([]MachineInfo, error) {
	var list struct {
		Machines []MachineInfo `json:"machines"`
	}
	err := c.get(ctx, &call{path: "/v1/machines"}, &list)
	return list.Machines, err
}

// Machine shows one machine as the node that answers sees it. With export the
// node also runs the machine's snapshot export and adds its digest.
func (c *Client) Machine(ctx context.Context, name string, export bool) (MachineInfo, error) {
	var info MachineInfo
	if err := CheckMachineName(name); err != nil {
		return info, err
	}
	k := &call{request: &wire.Request{Kind: wire.KindMachine, Machine: name, Export: export}, whole: export}
	if export {
		k.query = "export=true"
	}
	err := c.get(ctx, k, &info)
	return info, err
}

// Cluster tells what the node that answers knows of its cluster.
func (c *Client) Cluster(ctx context.Context) (ClusterInfo, error) {
	var info ClusterInfo
	err := c.get(ctx, &call{path: "/v1/cluster"}, &info)
	return info, err
}

// ClusterViews tells what every node knows of the cluster; the node that answers has
// asked the others.
func (c *Client) ClusterViews(ctx context.Context) (ClusterViews, error) {
	var views ClusterViews
	err := c.get(ctx, &call{path: "/v1/cluster/views"}, &views)
	return views, err
}

// get reads JSON.
func (c *Client) get(ctx context.Context, k *call, into any) error {
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	if k.repeatable = true; k.request == nil {
		k.method = http.MethodGet
	}
	a, err := c.do(ctx, k)
	if err != nil {
		return asRead(err)
	}
	return decode(a, into)
}

// PutModule uploads a module of size bytes. open is called once per attempt and
// gives the bytes from the beginning. created is false when the cluster had it.
func (c *Client) PutModule(ctx context.Context, digest Digest, size int64, open func() (io.ReadCloser, error)) (info ModuleInfo, created bool, err error) {
	if _, err := ParseDigest(string(digest)); err != nil {
		return info, false, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	ctx, cancel := c.bound(ctx, uploadTimeoutDefault)
	defer cancel()
	a, err := c.do(ctx, &call{
		method: http.MethodPut, path: "/v1/modules/" + string(digest),
		// Why: a refusal by size must arrive before 65 MiB are sent in vain.
		header: http.Header{"Expect": {"100-continue"}, "Content-Type": {"application/wasm"}},
		body:   open, size: size, repeatable: true, whole: true,
	})
	if err != nil {
		return info, false, err
	}
	return info, a.status == http.StatusCreated, decode(a, &info)
}

// Deploy creates a machine that runs an uploaded module. created is false when
// the very same machine was there already.
func (c *Client) Deploy(ctx context.Context, name string, spec DeploySpec) (info MachineInfo, created bool, err error) {
	if err := CheckMachineName(name); err != nil {
		return info, false, err
	}
	ctx, cancel := c.bound(ctx, deployTimeoutDefault)
	defer cancel()
	data, err := json.Marshal(spec)
	if err != nil {
		return info, false, NewProblem(CodeBadRequest, "%v", err).WithCause(err)
	}
	a, err := c.do(ctx, &call{
		method: http.MethodPut, path: machinePath(name), header: http.Header{"Content-Type": {"application/json"}},
		body: bytesBody(data), size: int64(len(data)), repeatable: true, whole: true,
	})
	if err != nil {
		return info, false, err
	}
	return info, a.status == http.StatusCreated, decode(a, &info)
}

// RaiseFeatureLevel raises what all nodes of the cluster must understand, for good.
// A level that the cluster has reached is no error; one that some node does not
// serve is CodeFeatureLevel.
func (c *Client) RaiseFeatureLevel(ctx context.Context, level uint32) error {
	ctx, cancel := c.bound(ctx, c.config.Timeout)
	defer cancel()
	data := fmt.Appendf(nil, `{"level":%d}`, level)
	_, err := c.do(ctx, &call{
		method: http.MethodPut, path: "/v1/cluster/feature-level", header: http.Header{"Content-Type": {"application/json"}},
		body: bytesBody(data), size: int64(len(data)), repeatable: true,
	})
	return err
}

// machinePath is the path of a machine, whose name the caller has checked: a name
// with a slash would be another path.
func machinePath(name string) string { return "/v1/machines/" + name }

// decode reads the JSON of a success.
func decode(a answer, into any) error {
	if err := json.Unmarshal(a.body, into); err != nil {
		return NewProblem(CodeBadAnswer, "the answer is not the JSON this call expects: %v", err).WithCause(err)
	}
	return nil
}

// asRead says of a failed read what is always true of it: nothing was applied.
func asRead(err error) error {
	var p *Problem
	if errors.As(err, &p) {
		p.OfRead()
	}
	return err
}
