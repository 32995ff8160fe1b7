package manager1

// KeysOf lists the keys of a dictionary, for the drift test.
func KeysOf(v fielder) []Key { return keys(v) }

// UniqueName is the client's name on the bus, for sending it forged signals.
func UniqueName(c *Client) string { return c.conn.Names()[0] }
