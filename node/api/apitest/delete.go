package apitest

import (
	"context"
	"slices"
	"time"

	"github.com/wraft/wraft/client"
)

// Delete removes a machine at once. An error of Fail for "Delete" refuses it.
func (b *Backend) Delete(_ context.Context, name string, group client.GroupID, by string) (client.DeletedMachine, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, err := b.enter("Delete", name)
	if at := slices.IndexFunc(b.deleted, func(d client.DeletedMachine) bool { return d.Name == name && d.Group == group }); at >= 0 {
		return b.deleted[at], nil
	}
	if err != nil {
		return client.DeletedMachine{}, err
	}
	b.index++
	gone := client.DeletedMachine{
		Name: name, Group: m.info.Group, Module: m.info.Module, DeployIndex: m.info.DeployIndex, DeleteIndex: b.index,
		By: by, At: time.Unix(1_800_000_000, 0).UTC(),
	}
	delete(b.machines, name)
	b.deleted = slices.Insert(b.deleted, 0, gone)
	gone.Changed = true
	return gone, nil
}

// Deleted lists deleted machines, the newest first.
func (b *Backend) Deleted(context.Context) ([]client.DeletedMachine, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.enter("Deleted", "")
	return slices.Clone(b.deleted), err
}
