//go:build ignore

// The functions that read and set what knobs.h keeps. Each set takes place at
// once and is written before it returns.

#define KNOB(device, has)                            \
	do {                                         \
		ENTER_DEVICE(device);                \
		if ((device)->parent || !(has))      \
			return NVML_ERROR_NOT_SUPPORTED; \
	} while (0)

nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, nvmlComputeMode_t *mode)
{
	KNOB(device, device->settable && !device->mig);
	*mode = (nvmlComputeMode_t)device->compute;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetComputeMode(nvmlDevice_t device, nvmlComputeMode_t mode)
{
	KNOB(device, device->settable && !device->mig);
	device->compute = (int)mode;
	return write_state();
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, nvmlEnableState_t *mode)
{
	KNOB(device, device->settable);
	*mode = (nvmlEnableState_t)device->persistence;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t device, nvmlEnableState_t mode)
{
	KNOB(device, device->settable);
	device->persistence = (int)mode;
	return write_state();
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int *limit)
{
	KNOB(device, device->power_default);
	*limit = device->power;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned int *limit)
{
	KNOB(device, device->power_default);
	*limit = device->power_default;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int *least, unsigned int *most)
{
	KNOB(device, device->power_default);
	*least = device->power_min;
	*most = device->power_max;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned int limit)
{
	KNOB(device, device->power_default);
	if (limit < device->power_min || limit > device->power_max)
		return NVML_ERROR_INVALID_ARGUMENT;
	device->power = limit;
	return write_state();
}

// MIG.

static int in_use(nvmlDevice_t d, unsigned gi)
{
	for (int i = 0; i < nprocesses; i++)
		if (processes[i].device == d && (gi == NONE || processes[i].gi == gi))
			return 1;
	return 0;
}

// A reset forgets the power limit. One that does not take place leaves the mode
// for the next.
nvmlReturn_t nvmlDeviceSetMigMode(nvmlDevice_t device, unsigned int mode, nvmlReturn_t *activation)
{
	KNOB(device, device->migable);
	device->pending = (int)mode;
	*activation = NVML_SUCCESS;
	if (device->mig != (int)mode) {
		*activation = obey("activation", device);
		if (*activation == NVML_SUCCESS && in_use(device, NONE))
			*activation = NVML_ERROR_IN_USE;
		if (*activation == NVML_SUCCESS) {
			device->mig = (int)mode;
			device->power = device->power_default;
		}
	}
	return write_state();
}

static nvmlReturn_t kind_numbered(nvmlDevice_t device, unsigned number, const struct kind_of_part **kind)
{
	if (number >= OLDEST)
		return NVML_ERROR_INVALID_ARGUMENT; // it is a driver of then
	for (int i = 0; i < KINDS; i++)
		if (device->migable && kinds[i].number == number) {
			*kind = &kinds[i];
			return NVML_SUCCESS;
		}
	return NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(nvmlDevice_t device, unsigned int profile, nvmlGpuInstanceProfileInfo_t *info)
{
	ENTER_DEVICE(device);
	const struct kind_of_part *k;
	nvmlReturn_t ret = kind_numbered(device, profile, &k);
	if (ret == NVML_SUCCESS)
		*info = (nvmlGpuInstanceProfileInfo_t){.id = k->id, .sliceCount = k->slices, .instanceCount = k->count, .memorySizeMB = k->megabytes};
	return ret;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(nvmlDevice_t device, unsigned int profile, nvmlGpuInstanceProfileInfo_v2_t *info)
{
	ENTER_DEVICE(device);
	const struct kind_of_part *k;
	if (info->version != nvmlGpuInstanceProfileInfo_v2)
		return NVML_ERROR_INVALID_ARGUMENT;
	nvmlReturn_t ret = kind_numbered(device, profile, &k);
	if (ret == NVML_SUCCESS) {
		*info = (nvmlGpuInstanceProfileInfo_v2_t){.version = info->version, .id = k->id, .sliceCount = k->slices,
			.instanceCount = k->count, .memorySizeMB = k->megabytes};
		snprintf(info->name, sizeof info->name, "MIG %s", k->name);
	}
	return ret;
}

static int kind_with(unsigned id)
{
	for (int i = 0; i < KINDS; i++)
		if (kinds[i].id == id)
			return i;
	return -1;
}

nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t device, unsigned int id, nvmlGpuInstance_t *out, unsigned int *count)
{
	KNOB(device, device->migable && device->mig);
	*count = 0;
	for (int i = 0; i < MAX; i++)
		if (parts[i].device == device && kinds[parts[i].profile].id == id)
			out[(*count)++] = &parts[i];
	return NVML_SUCCESS;
}

// place finds where a part fits: at the first place that it may begin at.
static int place(nvmlDevice_t device, const struct kind_of_part *k, unsigned *start)
{
	unsigned taken = 0, slices = 0;
	for (int i = 0; i < MAX; i++)
		if (parts[i].device == device) {
			const struct kind_of_part *p = &kinds[parts[i].profile];
			taken |= ((1u << p->room) - 1) << parts[i].start;
			slices += p->slices;
		}
	for (*start = 0; *start < 8; ++*start) {
		unsigned need = ((1u << k->room) - 1) << *start;
		if (k->starts & 1u << *start && !(taken & need) && slices + k->slices <= 7)
			return 1;
	}
	return 0;
}

nvmlReturn_t nvmlDeviceCreateGpuInstance(nvmlDevice_t device, unsigned int id, nvmlGpuInstance_t *out)
{
	KNOB(device, device->migable && device->mig);
	int kind = kind_with(id), i = 0;
	unsigned start, free = 1;
	if (kind < 0)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (!place(device, &kinds[kind], &start))
		return NVML_ERROR_INSUFFICIENT_RESOURCES;
	while (part_of(device, free))
		free++;
	while (parts[i].device)
		i++;
	parts[i] = (struct nvmlGpuInstance_st){device, free, (unsigned)kind, start};
	*out = &parts[i];
	return write_state();
}

nvmlReturn_t nvmlGpuInstanceDestroy(nvmlGpuInstance_t part)
{
	ENTER_DEVICE(part->device);
	for (int i = 0; i < MAX; i++)
		if (computes[i].part == part)
			return NVML_ERROR_IN_USE;
	memset(part, 0, sizeof *part);
	return write_state();
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t part, unsigned int profile, unsigned int engines,
							  nvmlComputeInstanceProfileInfo_t *info)
{
	ENTER_DEVICE(part->device);
	unsigned slices = kinds[part->profile].slices;
	if (engines != NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED || profile >= NVML_COMPUTE_INSTANCE_PROFILE_COUNT)
		return NVML_ERROR_INVALID_ARGUMENT;
	if (profile >= COMPUTES || compute_slices[profile] > slices)
		return NVML_ERROR_NOT_SUPPORTED;
	*info = (nvmlComputeInstanceProfileInfo_t){.id = profile, .sliceCount = compute_slices[profile], .instanceCount = slices / compute_slices[profile]};
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceGetComputeInstances(nvmlGpuInstance_t part, unsigned int id, nvmlComputeInstance_t *out, unsigned int *count)
{
	ENTER_DEVICE(part->device);
	*count = 0;
	for (int i = 0; i < MAX; i++)
		if (computes[i].part == part && computes[i].profile == id)
			out[(*count)++] = &computes[i];
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(nvmlGpuInstance_t part, unsigned int id, nvmlComputeInstance_t *out)
{
	ENTER_DEVICE(part->device);
	unsigned taken = 0, free = 0;
	int i = 0;
	for (int j = 0; j < MAX; j++)
		if (computes[j].part == part) {
			taken += compute_slices[computes[j].profile];
			free++;
		}
	if (id >= COMPUTES || taken + compute_slices[id] > kinds[part->profile].slices)
		return NVML_ERROR_INSUFFICIENT_RESOURCES;
	while (computes[i].part)
		i++;
	computes[i] = (struct nvmlComputeInstance_st){part, free, id};
	*out = &computes[i];
	return write_state();
}

nvmlReturn_t nvmlComputeInstanceDestroy(nvmlComputeInstance_t c)
{
	ENTER_DEVICE(c->part->device);
	if (in_use(c->part->device, c->part->id))
		return NVML_ERROR_IN_USE;
	memset(c, 0, sizeof *c);
	return write_state();
}
