package marked

import (
	"bytes"
	"fmt"
	"os"
)

const pageMode = 0o644

// Update puts text between the marks of a page, in the place of what stands there. The error
// says which mark is missing.
func Update(path, begin, end, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begun := bytes.Cut(old, []byte(begin))
	_, after, ended := bytes.Cut(rest, []byte(end))
	if !begun || !ended {
		return fmt.Errorf("marked: %s has no marks %q and %q", path, begin, end)
	}
	return os.WriteFile(path, []byte(string(before)+begin+text+end+string(after)), pageMode)
}
