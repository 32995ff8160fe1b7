package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
)

// options are the flags.
type options struct {
	root, out, version, changelog, compression string

	date time.Time
}

func main() {
	var o options
	var unix int64
	flag.StringVar(&o.root, "root", "", "the `directory` that make install has filled")
	flag.StringVar(&o.out, "out", ".", "the `directory` that the packages go to")
	flag.StringVar(&o.version, "version", "", "the version, as git describe says it")
	flag.StringVar(&o.changelog, "changelog", "../CHANGELOG.md", "the changelog `file`")
	flag.StringVar(&o.compression, "compression", "xz", "how contents are packed, as nfpm calls it")
	flag.Int64Var(&unix, "date", 0, "the date of all files, in `seconds` since 1970")
	flag.Parse()
	o.date = time.Unix(unix, 0).UTC()
	if err := build(o); err != nil {
		fmt.Fprintln(os.Stderr, "deb:", err)
		os.Exit(1)
	}
}

// build writes all packages and prints the name of each.
func build(o options) error {
	version, err := debianVersion(o.version, o.date)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(o.changelog)
	if err != nil {
		return fmt.Errorf("cannot read the changelog: %w", err)
	}
	tree, err := readTree(o.root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "moded-deb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	b := builder{scratch: scratch, root: o.root, version: version, compression: o.compression, date: o.date, changelog: string(text)}
	for _, p := range packages(tree) {
		path := filepath.Join(o.out, fmt.Sprintf("%s_%s_%s.deb", p.name, version, p.arch))
		if err := b.write(p, path); err != nil {
			return fmt.Errorf("cannot build %s: %w", p.name, err)
		}
		fmt.Println(path)
	}
	return nil
}

// builder turns packages into files.
type builder struct {
	scratch, root, version, changelog, compression string

	date time.Time
}

// write writes one package.
func (b builder) write(p pkg, path string) error {
	info, err := b.info(p)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(deb.Default.Package(info, out), out.Close())
}

// info is the package as nfpm takes it.
func (b builder) info(p pkg) (*nfpm.Info, error) {
	contents, err := b.contents(p)
	if err != nil {
		return nil, err
	}
	depends := p.depends
	if libc := libcOf(b.root, p.files); libc != "" {
		depends = append([]string{"libc6 (>= " + libc + ")"}, depends...)
	}
	return nfpm.WithDefaults(&nfpm.Info{
		Name: p.name, Arch: p.arch, Platform: "linux", Version: b.version, VersionSchema: "none",
		Section: p.section, Priority: "optional", Maintainer: maintainer, Homepage: homepage,
		Description: p.description, MTime: b.date, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Depends: depends, Recommends: p.recommends, Suggests: p.suggests, Contents: contents,
			Scripts: scripts(p.name),
			Deb:     nfpm.Deb{Compression: b.compression},
		},
	}), nil
}

// scripts are the maintainer scripts of a package, where it has any.
func scripts(name string) (s nfpm.Scripts) {
	for script, field := range map[string]*string{"postinst": &s.PostInstall, "prerm": &s.PreRemove, "postrm": &s.PostRemove} {
		path := filepath.Join("deb", name, script)
		if _, err := os.Stat(path); err == nil {
			*field = path
		}
	}
	return s
}
