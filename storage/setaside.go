package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
)

// bereftName is the file that says that a directory had a store before, which was set
// aside.
const bereftName = "bereft"

// spoiltPrefix begins the names of the folders into which directories are set aside.
const spoiltPrefix = "damaged-"

// setAsideAll moves what a directory holds of its node into a folder of its own: it is
// damaged so that nobody knows any more what the node promised. Modules stay, each is
// checked by its digest.
//
// Crash argument: that there was a store is on the disk before anything is moved. Until
// the last thing is moved the directory is still damaged, and is set aside again.
func (d directory) setAsideAll(cause error, log *slog.Logger) error {
	folder := ""
	for n := 1; folder == "" || d.exists(folder); n++ {
		folder = fmt.Sprintf("%s%d", spoiltPrefix, n)
	}
	log.Error("the data directory is damaged and set aside; this node asks the others for a new life", "folder", d.join(folder), "err", cause)
	err := d.write(bereftName, []byte(cause.Error()+"\n"))
	if err == nil {
		err = d.fs.MkdirAll(d.join(folder), 0o755)
	}
	// Why FORMAT last: without it a directory that has anything else is damaged.
	for _, name := range []string{pebbleName, pebbleName + asideSuffix, snapshotsName, markName, votesName, identityName, formatName} {
		if err == nil && d.exists(name) {
			err = d.fs.Rename(d.join(name), d.fs.PathJoin(d.join(folder), name))
		}
	}
	if err == nil {
		err = errors.Join(syncDirectory(d.fs, d.join(folder)), syncDirectory(d.fs, d.path))
	}
	if err != nil {
		return fmt.Errorf("storage: set a damaged directory aside: %w", err)
	}
	return nil
}

// Bereft reports whether the directory has no identity and shows that its node had a life:
// what it held was set aside, or it has votes. Such a node must not begin as a new one.
func (s *Store) Bereft() bool {
	if _, settled := s.Identity(); settled {
		return false
	}
	_, err := s.dir.read(bereftName)
	return !errors.Is(err, fs.ErrNotExist) || s.votes.voted()
}
