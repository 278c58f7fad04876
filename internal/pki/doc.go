// Package pki makes and reads the certificates of a cluster: one authority per
// cluster, one certificate per node and per client.
//
// It is no general certificate authority: there is one level, one kind of key
// (ECDSA on P-256, which every TLS stack and browser can verify), no network; a
// revocation list is one more file. What a certificate proves is written in its URI SAN and
// nowhere else: wraft://<cluster>/node/<id> is a node, and
// wraft://<cluster>/client/<name>?role=<role> a client. Names in the subject are
// for people only.
//
// Mental model: an Authority signs Pairs; a Pair is a certificate and its key in
// PEM, as it lies on disk; NodeIdentity and ClientIdentity read back what a
// verified certificate says. Trust is whose certificates count: authorities, and the
// lists of what they revoked. Beside certificates there are tokens, for clients that
// have none: random texts, of which a cluster keeps the hash alone.
//
// Nothing here is shared or started: all functions may be called concurrently,
// methods of an Authority included. Time always comes from the caller.
package pki
