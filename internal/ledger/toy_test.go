package ledger_test

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
)

// errPower is what every call answers once the power is out.
var errPower = errors.New("the power is out")

// toyDisk is a disk with a page cache: content and names are safe only after
// their sync, and a power cut may lose any of what was not synced.
type toyDisk struct {
	files map[string]string // what a reader sees
	safe  map[string]string // what survives a power cut for sure
	// pending is what a power cut may or may not keep, in order.
	pending []change
	calls   int
	failAt  int // the k-th call fails
	failErr error
	cutAt   int // the power goes before the k-th call
	out     bool
}

type change struct {
	name, content string
	gone          bool
	// torn marks content that may be cut anywhere.
	torn bool
}

func newToyDisk() *toyDisk {
	return &toyDisk{files: map[string]string{}, safe: map[string]string{}}
}

func (d *toyDisk) call() error {
	d.calls++
	if d.out || d.calls == d.cutAt {
		d.out = true
		return errPower
	}
	if d.calls == d.failAt {
		return d.failErr
	}
	return nil
}

func (d *toyDisk) Read(name string) ([]byte, error) {
	content, ok := d.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

func (d *toyDisk) Write(name string, data []byte) error {
	if err := d.call(); err != nil {
		return err
	}
	d.files[name] = string(data)
	d.pending = append(d.pending, change{name: name, content: string(data), torn: true})
	return nil
}

func (d *toyDisk) Sync(name string) error {
	if err := d.call(); err != nil {
		return err
	}
	for i := range d.pending {
		if d.pending[i].name == name {
			d.pending[i].torn = false
		}
	}
	return nil
}

func (d *toyDisk) SyncDir() error {
	if err := d.call(); err != nil {
		return err
	}
	d.safe = maps.Clone(d.files)
	d.pending = nil
	return nil
}

func (d *toyDisk) Rename(from, to string) error {
	if err := d.call(); err != nil {
		return err
	}
	content, ok := d.files[from]
	if !ok {
		return fs.ErrNotExist
	}
	torn := slices.ContainsFunc(d.pending, func(c change) bool { return c.name == from && c.torn })
	d.files[to] = content
	delete(d.files, from)
	d.pending = append(d.pending, change{name: to, content: content, torn: torn}, change{name: from, gone: true})
	return nil
}

func (d *toyDisk) Remove(name string) error {
	if err := d.call(); err != nil {
		return err
	}
	delete(d.files, name)
	return nil
}

func (d *toyDisk) Names() ([]string, error) { return slices.Sorted(maps.Keys(d.files)), nil }

// states enumerates what the disk may hold after a power cut: each subset of
// what was pending, and each cut of content that was not synced.
func (d *toyDisk) states() []*toyDisk {
	var all []*toyDisk
	for subset := range 1 << len(d.pending) {
		for _, cut := range []int{-1, 0, 1, 2} {
			files := maps.Clone(d.safe)
			for i, c := range d.pending {
				if subset&(1<<i) == 0 {
					continue
				}
				if c.gone {
					delete(files, c.name)
					continue
				}
				content := c.content
				if c.torn && cut >= 0 {
					content = content[:len(content)*cut/3]
				}
				files[c.name] = content
			}
			all = append(all, &toyDisk{files: files, safe: maps.Clone(files)})
		}
	}
	return all
}
