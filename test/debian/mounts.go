package debian

import _ "embed" // for the script

// Mounts is the shell function of that name, for scripts that enter a tree in
// fresh namespaces: it comes before theirs.
//
//go:embed mounts.sh
var Mounts string
