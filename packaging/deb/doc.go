// Command deb makes Debian packages of what `make install` laid down, so that
// the list of files is in one place:
//
//	go -C packaging run ./deb -root DIR -version V -out DIR
//
// It adds what Debian wants on top: compressed man pages, changelog and
// copyright, conffiles, maintainer scripts (in the directory of each package's
// name), and the release of libc that the one program with cgo needs. It is a
// module of its own, because nfpm brings a hundred others along.
package main
