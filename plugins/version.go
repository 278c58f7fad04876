package plugins

import (
	"context"

	"github.com/wraft/wraft/plugins/abi"
)

// Version returns the number that the author gave to the module's version: what
// its optional export wraft_version answers, and 0 when it has none. It runs on
// the reader, so it changes nothing, and replicas at the same index get the same
// answer. Errors: *GuestError, or trouble of this host.
func (i *Instance) Version(ctx context.Context) (uint32, error) {
	if err := i.ready(ctx); err != nil {
		return 0, err
	}
	r, err := i.refresh(ctx)
	if err != nil {
		return 0, err
	}
	f := r.module.ExportedFunction(abi.ExportVersion)
	if f == nil {
		return 0, nil
	}
	r.host.begin(r.host.moment, domainQuery, 0)
	i.fillByMemory(r)
	err = r.call(f)
	i.logOutput(r)
	// Why stale: the export that follows must not see what this call left behind.
	i.stale = true
	if err != nil {
		return 0, guestError(abi.ExportVersion, err)
	}
	return uint32(r.stack[0]), nil
}

// Clock is the time that the guest sees, in nanoseconds. It may be ahead of the
// log's, since sleeping moves it. What takes over from this instance starts from
// it (InstanceConfig.Created), so that a machine's time never goes back.
func (i *Instance) Clock() int64 {
	if i.live == nil {
		return 0
	}
	return i.live.host.clock
}
