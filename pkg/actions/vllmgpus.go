package actions

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/modectl/moded/pkg/fsm"
)

// The variables that a unit is given. CUDA reads its own two; a unit uses the
// others where it likes, as in
//
//	ExecStart=vllm serve … --tensor-parallel-size ${MODED_TENSOR_PARALLEL_SIZE}
const (
	varDevices = "CUDA_VISIBLE_DEVICES"
	varOrder   = "CUDA_DEVICE_ORDER"
	varNames   = "MODED_VLLM_GPUS"
	varRanks   = "MODED_TENSOR_PARALLEL_SIZE"
)

// uuidForm is what CUDA takes for the name of a device: that of a GPU, or of an
// instance in MIG mode. Nothing that could be a list, or a number, passes.
var uuidForm = regexp.MustCompile(`^(GPU|MIG)-[0-9A-Za-z-]{1,80}$`)

// given are the GPUs of the value as they are on this machine, in its order, each
// with a UUID that the driver has told.
func (a vllm) given(ctx context.Context, v vllmValue) ([]Device, error) {
	all, err := a.Devices.Devices(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot look up the GPUs of %s: %w", v.Unit, err)
	}
	given, err := v.pick(all)
	library, there := a.Devices.(Contexts)
	if err == nil || !there {
		return given, err
	}
	// The kernel's files do not know a GPU that nobody has used since boot.
	all, blind := library.Contexts(ctx)
	if blind != nil {
		return nil, errors.Join(err, fmt.Errorf("cannot ask the driver either: %w", blind))
	}
	return v.pick(all)
}

// pick finds the GPUs of the value.
func (v vllmValue) pick(all []Device) ([]Device, error) {
	var given []Device
	for _, g := range v.GPUs {
		found, err := g.pick(all)
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			switch twice := slices.ContainsFunc(given, func(o Device) bool { return o.UUID == d.UUID }); {
			case d.UUID == "":
				return nil, fmt.Errorf("%s (%s) has no UUID: CUDA could not tell it from another", g.Name, d.PCI)
			case !uuidForm.MatchString(d.UUID):
				return nil, fmt.Errorf("%s (%s) has the UUID %q, which CUDA would not take", g.Name, d.PCI, d.UUID)
			case twice:
				return nil, fmt.Errorf("%s (%s) is given twice", g.Name, d.PCI)
			}
			given = append(given, d)
		}
	}
	return given, nil
}

// pick finds the GPU, or GPUs, of a name.
func (g vllmGPU) pick(all []Device) ([]Device, error) {
	if g.PCI == "" && g.UUID == "" {
		found := gpuValue{Auto: g.Name}.pickAuto(all)
		if len(found) == 0 {
			return nil, fmt.Errorf("a GPU that is %s %w", g.Name, fsm.ErrMissing)
		}
		return found, nil
	}
	// A card that was moved to another slot has kept its UUID.
	for _, is := range []func(d Device) bool{
		func(d Device) bool { return g.UUID != "" && strings.EqualFold(d.UUID, g.UUID) },
		func(d Device) bool { return g.PCI != "" && strings.EqualFold(d.PCI, g.PCI) },
	} {
		if i := slices.IndexFunc(all, is); i >= 0 {
			return all[i : i+1 : i+1], nil
		}
	}
	return nil, fmt.Errorf("%s (%s) %w", g.Name, strings.TrimSpace(g.PCI+" "+g.UUID), fsm.ErrMissing)
}

// ranks is how many GPUs share the model.
func (v vllmValue) ranks(given []Device) int {
	if v.Ranks > 0 {
		return v.Ranks
	}
	return len(given)
}

// environment is the text of the unit's file.
func (v vllmValue) environment(given []Device) string {
	var uuids []string
	for _, d := range given {
		uuids = append(uuids, d.UUID)
	}
	return renderEnv(map[string]string{
		varDevices: strings.Join(uuids, ","), varOrder: "PCI_BUS_ID",
		varNames: strings.Join(v.names(), ","), varRanks: strconv.Itoa(v.ranks(given)),
	})
}

// env is the text of the unit's environment file, nil when there is none.
func (a vllm) env(unit string) (*string, error) { return units{Hands: a.Hands}.env(unit) }

func (a vllm) setEnv(unit string, text *string) error {
	now, err := a.env(unit)
	if err != nil {
		return err
	}
	return units{Hands: a.Hands}.setEnv(unit, sameText(now, text), text)
}

// misheld says which GPU the unit holds and should not, or should and does not;
// empty is that all is well.
func (a vllm) misheld(ctx context.Context, v vllmValue, id string) (problem string, err error) {
	all, err := a.Devices.Devices(ctx)
	if err == nil {
		problem, err = v.misheld(all, id)
	}
	library, there := a.Devices.(Contexts)
	if err == nil && problem == "" || !there {
		return problem, err
	}
	if all, err = library.Contexts(ctx); err != nil {
		return "", fmt.Errorf("cannot see which GPUs %s holds: %w", id, err)
	}
	return v.misheld(all, id)
}

func (v vllmValue) misheld(all []Device, id string) (problem string, err error) {
	given, err := v.pick(all)
	if err != nil {
		return "", err
	}
	for _, d := range all {
		own := slices.ContainsFunc(given, func(g Device) bool { return g.PCI == d.PCI })
		holds := slices.ContainsFunc(d.Holders, func(h DeviceHolder) bool { return h.Unit == id })
		switch {
		case own && !holds && len(d.Holders) > 0:
			return fmt.Sprintf("%s does not hold %s, but %s does", id, v.name(d), who(d.Holders)), nil
		case own && !holds:
			return fmt.Sprintf("%s does not hold %s", id, v.name(d)), nil
		case !own && holds:
			return fmt.Sprintf("%s holds %s, which is not given to it", id, v.name(d)), nil
		}
	}
	return "", nil
}

// name is the configuration's for the device, or its address.
func (v vllmValue) name(d Device) string {
	for _, g := range v.GPUs {
		if g.PCI != "" && strings.EqualFold(g.PCI, d.PCI) || g.UUID != "" && strings.EqualFold(g.UUID, d.UUID) {
			return g.Name
		}
	}
	return d.PCI
}
