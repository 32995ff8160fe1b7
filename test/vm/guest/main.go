// Command runner is the guest side of the VM lab: it runs the scenarios that
// the host ordered, one after the other, on a machine with moded installed,
// and writes one line of JSON for each to the share.
//
// End states are asserted with foreign tools only (loginctl, systemctl, fuser,
// the DRM clients file, pw-dump, curl); their raw output is the detail.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

func main() {
	list := flag.Bool("list", false, "print the table of scenarios and exit")
	flag.Parse()
	if *list {
		if err := json.NewEncoder(os.Stdout).Encode(infos()); err != nil {
			os.Exit(1)
		}
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}
