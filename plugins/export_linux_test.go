package plugins

// MayShare reports whether the pages of restored machines are shared.
func MayShare() bool { return mayShare() }
