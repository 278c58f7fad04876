package sdk

import "embed"

//go:embed zig/wraft zig/template
var zig embed.FS

func init() {
	kits["zig"] = func() (Kit, error) { return kitOf(zig, "zig") }
}
