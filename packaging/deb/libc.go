package main

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// libcOf tells the oldest release of libc with all that the programs among the
// files ask of it, or nothing where all are static.
func libcOf(root string, all []file) string {
	var newest []int
	for _, f := range all {
		if f.mode&0o111 == 0 || f.mode&(fs.ModeDir|fs.ModeSymlink) != 0 {
			continue
		}
		program, err := elf.Open(filepath.Join(root, f.path))
		if err != nil {
			continue // a script
		}
		symbols, err := program.ImportedSymbols()
		_ = program.Close()
		if err != nil {
			continue // static: it has no dynamic section
		}
		for _, s := range symbols {
			if v := libcVersion(s.Version); slices.Compare(v, newest) > 0 {
				newest = v
			}
		}
	}
	if newest == nil {
		return ""
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(newest), " ", "."), "[]")
}

// libcVersion reads GLIBC_2.34; other versions are nothing.
func libcVersion(version string) []int {
	text, ok := strings.CutPrefix(version, "GLIBC_")
	if !ok {
		return nil
	}
	var numbers []int
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil // GLIBC_PRIVATE
		}
		numbers = append(numbers, n)
	}
	return numbers
}
