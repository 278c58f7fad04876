package contexts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
)

var (
	// ErrExists: there is a context of that name. Choose another, or remove it first.
	ErrExists = errors.New("contexts: there is a context of this name")
	// ErrUnknown: there is no context of that name. List them.
	ErrUnknown = errors.New("contexts: there is no context of this name")
)

// fileBytesMax bounds the file.
const fileBytesMax = 1 << 20

// nameForm is what a context may be called.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Context is how to reach one cluster. File names are absolute.
type Context struct {
	Name string `json:"name"`
	// Servers are addresses of nodes, as --server takes them.
	Servers []string `json:"servers"`
	// CA is a file with the cluster's authority; Cert and Key are the user's, both or
	// neither. Empty: none.
	CA   string `json:"ca,omitempty"`
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`
	// TokenFile is a file with a token. Token is one itself, which no file of contexts holds.
	TokenFile string `json:"token_file,omitempty"`
	Token     string `json:"-"`
	// Temporary contexts belong to a cluster that removes its context when it ends.
	Temporary bool `json:"temporary,omitempty"`
}

// File is the whole file. Contexts are ascending by name.
type File struct {
	// Current names the context in use, "" for none.
	Current  string    `json:"current,omitempty"`
	Contexts []Context `json:"contexts"`
}

// Path is where the file is, by the variables that say where a user keeps configuration:
// below XDG_CONFIG_HOME, or .config in HOME. It is "" when neither is set.
func Path(getenv func(string) string) string {
	dir := getenv("XDG_CONFIG_HOME")
	if home := getenv("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".config")
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "wraft", "contexts.yaml")
}

// Load reads the file; one that is not there holds no contexts.
func Load(path string) (File, error) {
	data, err := os.ReadFile(path)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		return File{}, nil
	}
	if err != nil {
		return File{}, fmt.Errorf("contexts: %w", err)
	}
	f, err := parse(data)
	if err != nil {
		return File{}, fmt.Errorf("contexts: %s: %w", path, err)
	}
	return f, nil
}

func parse(data []byte) (f File, err error) {
	if len(data) > fileBytesMax {
		return f, fmt.Errorf("%d bytes are too many", len(data))
	}
	plain, err := yaml.Parser().Unmarshal(data)
	if err != nil {
		return f, err
	}
	// Why through JSON: one set of names for the file and -o json, and unknown keys are errors.
	text, err := json.Marshal(plain)
	if err != nil {
		return f, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return f, err
	}
	return f, f.check()
}

// check finds what a person may have written that means nothing.
func (f File) check() error {
	var problems []error
	for i, c := range f.Contexts {
		if err := c.Check(); err != nil {
			problems = append(problems, err)
		}
		if slices.ContainsFunc(f.Contexts[:i], func(o Context) bool { return o.Name == c.Name }) {
			problems = append(problems, fmt.Errorf("context %q is there twice", c.Name))
		}
	}
	return errors.Join(problems...)
}

// Check returns what is wrong with a context, whatever the files hold.
func (c Context) Check() error {
	switch {
	case !nameForm.MatchString(c.Name):
		return fmt.Errorf("context name %.80q: use 1 to 63 of a-z, 0-9, '-', '.' and '_', beginning with a letter or digit", c.Name)
	case len(c.Servers) == 0:
		return fmt.Errorf("context %q: no servers", c.Name)
	case (c.Cert == "") != (c.Key == ""):
		return fmt.Errorf("context %q: cert and key come together", c.Name)
	}
	return nil
}

// Save puts the file in place, whole. Only the user may read it: it says where clusters are.
func (f File) Save(path string) error {
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	data, err := yaml.Parser().Marshal(plain)
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	next, err := os.CreateTemp(dir, filepath.Base(path)+".*") // for the user alone
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	_, err = next.Write(data)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("contexts: %w", errors.Join(err, os.Remove(next.Name())))
	}
	return nil
}

// Find returns the context of a name; the error is ErrUnknown.
func (f File) Find(name string) (Context, error) {
	i, ok := f.index(name)
	if !ok {
		return Context{}, fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	return f.Contexts[i], nil
}

func (f File) index(name string) (int, bool) {
	i := slices.IndexFunc(f.Contexts, func(c Context) bool { return c.Name == name })
	return i, i >= 0
}

// Add adds a context. One of the name is an error, ErrExists, unless both are temporary: such
// a one was left behind by a cluster that was killed.
func (f *File) Add(c Context) error {
	if err := c.Check(); err != nil {
		return err
	}
	if i, ok := f.index(c.Name); ok {
		if !c.Temporary || !f.Contexts[i].Temporary {
			return fmt.Errorf("%w: %q", ErrExists, c.Name)
		}
		f.Contexts[i] = c
		return nil
	}
	f.Contexts = append(f.Contexts, c)
	slices.SortFunc(f.Contexts, func(a, b Context) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// Remove removes a context, which is not in use any more then; the error is ErrUnknown.
func (f *File) Remove(name string) error {
	i, ok := f.index(name)
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknown, name)
	}
	f.Contexts = slices.Delete(f.Contexts, i, i+1)
	if f.Current == name {
		f.Current = ""
	}
	return nil
}
