package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/modectl/moded/internal/host"
	"github.com/modectl/moded/pkg/actions"
)

func TestAnOrderForTheGPUUnitIsWrittenForRootAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := host.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2"} {
		order := actions.GPUOrder{ID: id, PCI: "0000:01:00.0", Settings: actions.GPUSettings{PowerLimit: "250W", MIG: []string{"off"}}}
		if err := f.WriteGPUOrder(order); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "gpu", "order.json")
		text, err := os.ReadFile(path)
		if want := `{"id":"` + id + `","pci":"0000:01:00.0","settings":{"power-limit":"250W","mig":["off"]}}`; err != nil || string(text) != want {
			t.Errorf("it reads %s, %v", text, err)
		}
		for _, p := range []string{path, filepath.Dir(path)} {
			if info, err := os.Stat(p); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", p, info.Mode(), err)
			}
		}
	}
}

func TestTheGPUUnitsReportIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := host.NewFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	f = f.ReportAt(filepath.Join(dir, "report.json"))
	if _, err := f.GPUReport(); err == nil {
		t.Error("there is none")
	}
	for text, problems := range map[string]int{`{"id":"7"}`: 0, `{"id":"7","problems":[{"setting":"mig","problem":"no"}],"news":1}`: 1} {
		if err := os.WriteFile(filepath.Join(dir, "report.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := f.GPUReport(); err != nil || r.ID != "7" || len(r.Problems) != problems {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.GPUReport(); err == nil {
		t.Error("half a report is taken for one")
	}
}
