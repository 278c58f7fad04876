package native

// HandshakesTrusted is how many handshakes are under way when addresses are to be proved.
const HandshakesTrusted = handshakesTrusted

// Pend makes it look as if so many more handshakes were under way.
func Pend(s *Server, handshakes int64) { s.pending.Add(handshakes) }
