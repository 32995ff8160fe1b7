package manager1

// KeysOf lists the keys of a dictionary, for the drift test.
func KeysOf(v fielder) []Key { return keys(v) }
