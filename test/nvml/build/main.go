// Command build makes the stand-in for NVIDIA's library, for machines that are
// not this one:
//
//	go run ./test/nvml/build -out DIR
//	go run ./test/nvml/build -out DIR -old     as an older driver, without its symbols
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/modectl/moded/test/nvml"
)

func main() {
	out := flag.String("out", "", "make the library in `DIR`")
	old := flag.Bool("old", false, "leave out what an older driver lacks")
	flag.Parse()
	var lacks []string
	if *old {
		lacks = nvml.Older
	}
	if *out == "" {
		fmt.Fprintln(os.Stderr, "build: say where to with -out DIR")
		os.Exit(2)
	}
	if err := nvml.Build(*out, lacks...); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}
