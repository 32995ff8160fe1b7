package host

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/modectl/moded/pkg/actions"
)

var _ actions.Orders = Files{}

// gpuReport is where moded-gpu.service leaves what it has to say: its own
// runtime directory, since it cannot write into ours.
const gpuReport = "/run/moded-gpu/report.json"

func (f Files) gpuOrder() string { return filepath.Join(f.dir, "gpu", "order.json") }

// WriteGPUOrder writes what moded-gpu.service reads when it starts.
func (f Files) WriteGPUOrder(o actions.GPUOrder) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.gpuOrder()), 0o700); err != nil {
		return fmt.Errorf("cannot write an order for moded-gpu.service: %w", err)
	}
	return replace(f.gpuOrder(), string(text))
}

// GPUReport reads what moded-gpu.service said last. Of which order that was is
// in it.
func (f Files) GPUReport() (r actions.GPUReport, err error) {
	text, err := os.ReadFile(f.report)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("cannot read the report of moded-gpu.service: %w", err)
	}
	return r, nil
}
