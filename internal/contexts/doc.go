// Package contexts is the file in which a person keeps how to reach clusters: named
// contexts, and which of them is in use. It connects to nothing and knows nothing of flags.
//
// Mental model: a small YAML file in the user's configuration folder, read whole, changed in
// memory and put in place whole. It names certificate files and holds no secrets itself.
//
// Concurrency: values; of two programs that save at once one wins.
package contexts
