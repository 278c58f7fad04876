package toolchain

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	// keptMax bounds how many modules are kept; the oldest go first.
	keptMax = 128
	// keptMode is for a folder nobody else can put a module into.
	keptMode = 0o700
	// bootstrapVariable lets older compilers of Rust take what newer ones do.
	bootstrapVariable = "RUSTC_BOOTSTRAP"
)

// BuildKept is Build for a guest of this repository, whose top folder is root: a
// module that was built of the same sources by the same compiler before is taken
// from the user's cache. Errors: those of Build.
//
// Why: a dozen test programs want the same few guests, and some compilers take
// seconds for each. The name of a kept module is a digest of all that makes it: its
// folder, the guest libraries, the flags in this package, and the compiler's version.
// Go keeps what it has built itself.
func (t *Toolchain) BuildKept(ctx context.Context, root, dir, out string) error {
	cache, err := os.UserCacheDir()
	if err != nil || t.Language == "go" {
		return t.Build(ctx, dir, out)
	}
	name, err := t.fingerprint(root, dir)
	if err != nil {
		return err
	}
	kept := filepath.Join(cache, "wraft", "guests", name+".wasm")
	if err := copyModule(kept, out); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.Build(ctx, dir, out); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(kept), keptMode); err != nil {
		return fmt.Errorf("toolchain: keep a module: %w", err)
	}
	return errors.Join(copyModule(out, kept), forgetOldest(filepath.Dir(kept)))
}

// fingerprint names a module by all that makes it.
func (t *Toolchain) fingerprint(root, dir string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q\n", t.Language, t.Version, os.Getenv(bootstrapVariable))
	for _, folder := range []string{dir, filepath.Join(root, "sdk"), filepath.Join(root, "internal", "toolchain")} {
		if err := digestFolder(h, folder); err != nil {
			return "", fmt.Errorf("toolchain: look at the sources: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digestFolder adds names and contents of all files of a folder, but for packages
// that npm installed: the compiler's version stands for them.
func digestFolder(h hash.Hash, folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "node_modules":
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(h, "%q %d\n", name, len(content))
		h.Write(content)
		return err
	})
}

// copyModule makes a file appear whole in another folder.
func copyModule(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(to), ".module-")
	if err != nil {
		return err
	}
	_, err = io.Copy(next, source)
	err = errors.Join(err, next.Chmod(moduleMode), next.Close())
	if err == nil {
		err = os.Rename(next.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	return nil
}

// forgetOldest removes what is more than keptMax modules.
func forgetOldest(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil || len(files) <= keptMax {
		return err
	}
	age := map[string]int64{}
	for _, f := range files {
		if info, err := f.Info(); err == nil { // another program may have removed it
			age[f.Name()] = info.ModTime().UnixNano()
		}
	}
	slices.SortFunc(files, func(a, b fs.DirEntry) int { return cmp.Compare(age[a.Name()], age[b.Name()]) })
	for _, f := range files[:len(files)-keptMax] {
		if err := os.Remove(filepath.Join(dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
