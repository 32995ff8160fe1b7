package ledger_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/modectl/moded/internal/ledger"
	"github.com/modectl/moded/pkg/fsm"
)

var stamps = ledger.Stamps{BootID: "b00t", Userspace: 42}

func open(t *testing.T, dir string, s ledger.Stamps) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func save(t *testing.T, l *ledger.Ledger, mode string) {
	t.Helper()
	if err := l.Save(t.Context(), fsm.Document{Mode: mode}); err != nil {
		t.Fatal(err)
	}
}

func TestADocumentSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := fsm.Document{Mode: "desktop", Open: &fsm.OpenPlan{Through: true, Transition: fsm.Transition{ID: 7,
		Steps: []fsm.Step{{Kind: "units", Key: "a", Want: `{"state":"active"}`, Was: `{"x":1}`, Status: fsm.Doing}}}}}
	l := open(t, dir, stamps)
	if err := l.Save(t.Context(), want); err != nil || l.Writes() != 1 {
		t.Fatal(err)
	}
	got, found, err := open(t, dir, stamps).Load()
	if err != nil || !found {
		t.Fatal(found, err)
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if string(a) != string(b) {
		t.Errorf("got %s, want %s", b, a)
	}
	info, err := os.Stat(filepath.Join(dir, "state.json"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestADocumentOfAnotherBootIsHistory(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]ledger.Stamps{"reboot": {BootID: "other", Userspace: 42}, "soft-reboot": {BootID: "b00t", Userspace: 43}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			save(t, open(t, dir, stamps), "compute")
			if _, found, err := open(t, dir, other).Load(); found || err != nil {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}

func TestDamageIsSetAsideAndReportedOnce(t *testing.T) {
	t.Parallel()
	good := t.TempDir()
	save(t, open(t, good, stamps), "desktop")
	raw, err := os.ReadFile(filepath.Join(good, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty": "", "cut": string(raw[:len(raw)/2]), "no JSON": "hello", "something after the end": string(raw) + "{}",
		"another version": strings.Replace(string(raw), `"version":1`, `"version":9`, 1),
		"unknown field":   strings.Replace(string(raw), `"version":1`, `"version":1,"new":true`, 1),
		"no mode":         strings.Replace(string(raw), `"desktop"`, `""`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			l := open(t, dir, stamps)
			_, found, err := l.Load()
			var damaged *ledger.DamagedError
			if found || !errors.As(err, &damaged) || damaged.Aside != "state.json.damaged-1" {
				t.Fatalf("found %v, %v", found, err)
			}
			if kept, err := os.ReadFile(filepath.Join(dir, damaged.Aside)); err != nil || string(kept) != content {
				t.Errorf("set aside: %q, %v", kept, err)
			}
			if _, found, err := l.Load(); found || err != nil {
				t.Errorf("the second time: %v, %v", found, err)
			}
			save(t, l, "desktop")
		})
	}
}

func TestLinksAndFIFOsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(path string) error{
		"link": func(path string) error { return os.Symlink("/etc/passwd", path) },
		"fifo": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory": func(path string) error {
			return os.Mkdir(path, 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := plant(filepath.Join(dir, "state.json")); err != nil {
				t.Fatal(err)
			}
			if _, found, err := open(t, dir, stamps).Load(); found || err == nil {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}

// TestAPowerCutAnywhereShowsTheOldOrTheNew cuts the power before every call of
// a save and looks at every state that the disk may then be in.
func TestAPowerCutAnywhereShowsTheOldOrTheNew(t *testing.T) {
	t.Parallel()
	states := 0
	for cut := 1; ; cut++ {
		d := newToyDisk()
		save(t, ledger.On(d, stamps), "desktop")
		d.calls, d.cutAt = 0, cut
		err := ledger.On(d, stamps).Save(t.Context(), fsm.Document{Mode: "compute"})
		for _, after := range d.states() {
			states++
			doc, found, lerr := ledger.On(after, stamps).Load()
			if lerr != nil || !found || doc.Mode != "desktop" && doc.Mode != "compute" {
				t.Fatalf("cut at %d: %v, %v, %+v", cut, found, lerr, doc)
			}
			if err == nil && doc.Mode != "compute" {
				t.Fatalf("a save that returned was lost")
			}
		}
		if err == nil {
			break
		}
	}
	t.Logf("%d states", states)
}

// TestTheKthCallFails fails every call in turn: the save says so, the reader
// sees the old or the new document, and no later save pretends that all is well.
func TestTheKthCallFails(t *testing.T) {
	t.Parallel()
	for _, errno := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS, syscall.EDQUOT, syscall.ESTALE} {
		for k := 1; ; k++ {
			d := newToyDisk()
			save(t, ledger.On(d, stamps), "desktop")
			d.calls, d.failAt, d.failErr = 0, k, errno
			l := ledger.On(d, stamps)
			err := l.Save(t.Context(), fsm.Document{Mode: "compute"})
			if err == nil {
				break
			}
			if !errors.Is(err, errno) {
				t.Errorf("%v at %d: %v", errno, k, err)
			}
			if err := l.Save(t.Context(), fsm.Document{Mode: "studio"}); !errors.Is(err, errno) {
				t.Errorf("%v at %d: the next save said %v", errno, k, err)
			}
			doc, found, lerr := ledger.On(d, stamps).Load()
			if lerr != nil || !found || doc.Mode == "studio" {
				t.Errorf("%v at %d: %v, %+v", errno, k, lerr, doc)
			}
		}
	}
}

func TestOnlyOneProcessHasTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := ledger.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Lock(dir); !errors.Is(err, ledger.ErrLocked) {
		t.Errorf("got %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := ledger.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

func FuzzLoadNeverPanicsAndSetsDamageAside(f *testing.F) {
	f.Add([]byte(`{"version":1,"boot-id":"b00t","userspace-monotonic":42,"document":{"mode":"desktop"}}`))
	f.Add([]byte(`{"version":1,"document":{"mode":"desktop","open":{"transition":{"id":1,"steps":[{"index":0}]}}}}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := newToyDisk()
		d.files["state.json"] = string(raw)
		l := ledger.On(d, stamps)
		doc, found, err := l.Load()
		if found && (err != nil || doc.Mode == "") {
			t.Fatalf("found %+v with %v", doc, err)
		}
		if _, _, err := l.Load(); err != nil {
			t.Fatalf("reported twice: %v", err)
		}
		if err := l.Save(t.Context(), fsm.Document{Mode: "desktop"}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestHistoryKeepsTheNewest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h, err := ledger.OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	big := json.RawMessage(`"` + strings.Repeat("x", 60<<10) + `"`)
	for range 100 {
		id, err := h.NextID()
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Append(fsm.Transition{ID: id, From: "desktop", To: "studio", Facts: big}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := h.List(3)
	if err != nil || len(list) != 3 || list[0].ID != 100 || list[2].ID != 98 {
		t.Fatalf("list %d, %v", len(list), err)
	}
	all, _ := h.List(0)
	if len(all) < 50 || len(all) > 70 {
		t.Errorf("%d transitions of 60 KiB are kept", len(all))
	}
	if _, err := h.Get(1); !errors.Is(err, fsm.ErrNotFound) {
		t.Errorf("the oldest: %v", err)
	}
	h, err = ledger.OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := h.NextID(); id != 101 || err != nil {
		t.Errorf("the next boot's id is %d, %v", id, err)
	}
}

func TestHugeFactsAreReplacedByTheirSize(t *testing.T) {
	t.Parallel()
	h, err := ledger.OpenHistory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Append(fsm.Transition{ID: 1, Facts: json.RawMessage(`"` + strings.Repeat("x", 70<<10) + `"`)}); err != nil {
		t.Fatal(err)
	}
	got, err := h.Get(1)
	if err != nil || string(got.Facts) != fmt.Sprintf(`{"truncated":true,"bytes":%d}`, 70<<10+2) {
		t.Errorf("facts %s, %v", got.Facts, err)
	}
}

func TestADamagedTransitionIsLeftOutAndItsIdNotGivenAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h, err := ledger.OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	for id := range uint32(3) {
		if err := h.Append(fsm.Transition{ID: id + 1, Message: "first"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Append(fsm.Transition{ID: 3, Message: "again"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "history", "0000000002.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "last-id"), []byte("gibberish"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := h.List(0)
	if err != nil || len(list) != 2 || list[0].Message != "again" {
		t.Errorf("list %+v, %v", list, err)
	}
	if id, err := h.NextID(); id != 4 || err != nil {
		t.Errorf("next id %d, %v", id, err)
	}
}

func TestTheChosenModeIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h, err := ledger.OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if mode, err := h.Chosen(); mode != "" || err != nil {
		t.Errorf("at first %q, %v", mode, err)
	}
	if err := h.SetChosen("studio"); err != nil {
		t.Fatal(err)
	}
	if mode, err := h.Chosen(); mode != "studio" || err != nil {
		t.Errorf("then %q, %v", mode, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chosen-mode"), []byte("../../etc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if mode, err := h.Chosen(); err == nil {
		t.Errorf("then %q", mode)
	}
}
