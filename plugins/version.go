package plugins

import (
	"context"

	"github.com/wraft/wraft/plugins/abi"
)

// Version returns the number that the author gave to the module's version: what
// its optional export wraft_version answers, and 0 when it has none. It is undone,
// so it changes nothing, and replicas at the same index get the same answer.
// Errors: *GuestError, or trouble of this host.
func (i *Instance) Version(ctx context.Context) (version uint32, err error) {
	if err := i.settled(ctx); err != nil {
		return 0, err
	}
	f := i.live.module.ExportedFunction(abi.ExportVersion)
	if f == nil {
		return 0, nil
	}
	err = i.visit(domainQuery, func(g *guest) error {
		err := g.call(f)
		version = uint32(g.stack[0])
		return err
	})
	if err != nil {
		return 0, guestError(abi.ExportVersion, err)
	}
	return version, nil
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
