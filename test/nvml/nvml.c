//go:build ignore

// A stand-in for NVIDIA's libnvidia-ml.so.1: the functions that moded-probe
// calls, with go-nvml's own header, answered from the file nvml.conf that lies
// beside the library. The file is read anew by each nvmlInit.

#define _GNU_SOURCE
#define NVML_NO_UNVERSIONED_FUNC_DEFS
#include "conf.h"

#include <time.h>
#include <unistd.h>

// What every call does first.

// note writes the call into nvml.log where there is such a file, for tests that
// ask what was called.
static void note(const char *call, nvmlDevice_t d)
{
	char path[PATH_MAX + 16];
	snprintf(path, sizeof path, "%s/nvml.log", directory);
	FILE *f = access(path, W_OK) == 0 ? fopen(path, "ae") : NULL;
	if (!f)
		return;
	fprintf(f, "%s%s%s\n", call, d ? " " : "", d ? d->label : "");
	fclose(f);
}

// means tells whether a rule's call is this one, in whatever version.
static int means(const struct rule *r, const char *call, nvmlDevice_t d)
{
	size_t n = strlen(r->call);
	if (strncmp(r->call, call, n) != 0 || (call[n] && strncmp(call + n, "_v", 2) != 0))
		return 0;
	return !*r->device || (d && strcmp(r->device, d->label) == 0);
}

static nvmlReturn_t obey(const char *call, nvmlDevice_t d)
{
	note(call, d);
	for (int i = 0; i < nrules; i++) {
		if (!means(&rules[i], call, d))
			continue;
		if (rules[i].how == HANG)
			for (;;)
				pause();
		if (rules[i].how == CRASH)
			abort();
		return rules[i].ret;
	}
	return NVML_SUCCESS;
}

static nvmlReturn_t enter(const char *call, nvmlDevice_t d)
{
	if (!initialised)
		return NVML_ERROR_UNINITIALIZED;
	nvmlReturn_t ret = obey(call, d);
	if (ret == NVML_SUCCESS && d && (d->lost || (d->parent && d->parent->lost)))
		return NVML_ERROR_GPU_IS_LOST;
	return ret;
}

#define ENTER(device)                                        \
	do {                                                 \
		nvmlReturn_t enter_ = enter(__func__, device); \
		if (enter_ != NVML_SUCCESS)                  \
			return enter_;                       \
	} while (0)

#define ENTER_DEVICE(device)                                 \
	do {                                                 \
		if (!(device))                               \
			return NVML_ERROR_INVALID_ARGUMENT;  \
		ENTER(device);                               \
	} while (0)

// The library as a whole.

nvmlReturn_t nvmlInit_v2(void)
{
	nvmlReturn_t ret = configure();
	if (ret == NVML_SUCCESS)
		ret = obey(__func__, NULL);
	initialised = ret == NVML_SUCCESS;
	return ret;
}

nvmlReturn_t nvmlInit(void) { return nvmlInit_v2(); }

nvmlReturn_t nvmlShutdown(void)
{
	ENTER(NULL);
	initialised = 0;
	return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result)
{
	if (result == NVML_ERROR_GPU_IS_LOST)
		return "GPU is lost";
	if (result == NVML_ERROR_NOT_SUPPORTED)
		return "Not Supported";
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].ret == result)
			return codes[i].name;
	return "Unknown Error";
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
	ENTER(NULL);
	snprintf(version, length, "%s", driver);
	return NVML_SUCCESS;
}

// Finding devices. NVML counts devices and not MIG devices.

static nvmlDevice_t nth(nvmlDevice_t parent, unsigned index)
{
	for (int i = 0; i < ndevices; i++)
		if (devices[i].parent == parent && index-- == 0)
			return &devices[i];
	return NULL;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count)
{
	ENTER(NULL);
	for (*count = 0; nth(NULL, *count);)
		++*count;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned int *count) { return nvmlDeviceGetCount_v2(count); }

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
	*device = nth(NULL, index);
	ENTER_DEVICE(*device);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device)
{
	return nvmlDeviceGetHandleByIndex_v2(index, device);
}

static int same_place(const char *a, const char *b)
{
	unsigned x[4], y[4];
	return sscanf(a, "%x:%x:%x.%x", &x[0], &x[1], &x[2], &x[3]) == 4 &&
	       sscanf(b, "%x:%x:%x.%x", &y[0], &y[1], &y[2], &y[3]) == 4 && memcmp(x, y, sizeof x) == 0;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *id, nvmlDevice_t *device)
{
	*device = NULL;
	for (int i = 0; i < ndevices; i++)
		if (!devices[i].parent && same_place(devices[i].pci, id))
			*device = &devices[i];
	ENTER(*device);
	return *device ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *id, nvmlDevice_t *device)
{
	return nvmlDeviceGetHandleByPciBusId_v2(id, device);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
	ENTER_DEVICE(device);
	memset(pci, 0, sizeof *pci);
	snprintf(pci->busId, sizeof pci->busId, "%s", device->pci);
	sscanf(device->pci, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
	return NVML_SUCCESS;
}

// What a device is, and how busy.

static nvmlReturn_t text(const char *from, char *to, unsigned int length)
{
	if (strlen(from) >= length)
		return NVML_ERROR_INSUFFICIENT_SIZE;
	strcpy(to, from);
	return *from ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length)
{
	ENTER_DEVICE(device);
	return text(device->name, name, length);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length)
{
	ENTER_DEVICE(device);
	return text(device->uuid, uuid, length);
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
	ENTER_DEVICE(device);
	*memory = (nvmlMemory_t){.total = device->total, .used = device->used, .free = device->total - device->used};
	return device->total ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *use)
{
	ENTER_DEVICE(device);
	if (device->busy < 0 || device->parent || nth(device, 0)) // none in MIG mode
		return NVML_ERROR_NOT_SUPPORTED;
	*use = (nvmlUtilization_t){.gpu = (unsigned)device->busy};
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int *degrees)
{
	ENTER_DEVICE(device);
	if (sensor != NVML_TEMPERATURE_GPU)
		return NVML_ERROR_INVALID_ARGUMENT;
	*degrees = (unsigned)device->temperature;
	return device->temperature < 0 ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature)
{
	ENTER_DEVICE(device);
	if (temperature->version != nvmlTemperature_v1)
		return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	temperature->temperature = device->temperature;
	return device->temperature < 0 ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
}

// Processes. The versions of an entry differ in their length only: the newer
// ones add the instance at its end.

static int on(const struct process *p, nvmlDevice_t d)
{
	if (!d->parent)
		return p->device == d;
	return p->device == d->parent && p->gi == d->gi && p->ci == d->ci;
}

enum kind { COMPUTE, GRAPHICS, MPS };

static nvmlReturn_t list(nvmlDevice_t d, enum kind kind, unsigned int *count, void *out, size_t size)
{
	unsigned int room = *count;
	*count = 0;
	for (int i = 0; i < nprocesses; i++) {
		const struct process *p = &processes[i];
		if (!on(p, d) || !(kind == COMPUTE ? p->compute : kind == GRAPHICS ? p->graphics : p->mps))
			continue;
		nvmlProcessInfo_v2_t info = {.pid = p->pid, .usedGpuMemory = p->memory, .gpuInstanceId = p->gi, .computeInstanceId = p->ci};
		if (*count < room)
			memcpy((char *)out + *count * size, &info, size);
		++*count;
	}
	return *count > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

#define LIST(name, type, kind)                                                 \
	nvmlReturn_t name(nvmlDevice_t device, unsigned int *count, type *infos) \
	{                                                                      \
		ENTER_DEVICE(device);                                          \
		return list(device, kind, count, infos, sizeof *infos);        \
	}

#define LISTS(name, kind)                       \
	LIST(name, nvmlProcessInfo_v1_t, kind)      \
	LIST(name##_v2, nvmlProcessInfo_v2_t, kind) \
	LIST(name##_v3, nvmlProcessInfo_t, kind)

LISTS(nvmlDeviceGetComputeRunningProcesses, COMPUTE)
LISTS(nvmlDeviceGetGraphicsRunningProcesses, GRAPHICS)
LISTS(nvmlDeviceGetMPSComputeRunningProcesses, MPS)

// A sample is of this moment, for a process whose use the file gives.
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples,
					     unsigned int *count, unsigned long long since)
{
	ENTER_DEVICE(device);
	if (nth(device, 0))
		return NVML_ERROR_NOT_SUPPORTED; // in MIG mode
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	unsigned long long stamp = (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;
	unsigned int room = samples ? *count : 0;
	*count = 0;
	for (int i = 0; i < nprocesses; i++) {
		const struct process *p = &processes[i];
		if (!on(p, device) || p->sm <= 0 || stamp <= since)
			continue;
		if (*count < room)
			samples[*count] = (nvmlProcessUtilizationSample_t){.pid = p->pid, .timeStamp = stamp, .smUtil = (unsigned)p->sm};
		++*count;
	}
	if (*count == 0)
		return NVML_ERROR_NOT_FOUND;
	return *count > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

// MIG.

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending)
{
	ENTER_DEVICE(device);
	*current = *pending = nth(device, 0) ? NVML_DEVICE_MIG_ENABLE : NVML_DEVICE_MIG_DISABLE;
	if (device->migable) {
		*current = (unsigned)device->mig;
		*pending = (unsigned)device->pending;
		return NVML_SUCCESS;
	}
	return *current ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

// There are more places than devices in them, as on a real one.
nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count)
{
	ENTER_DEVICE(device);
	*count = nth(device, 0) || device->migable ? 7 : 0;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index, nvmlDevice_t *mig)
{
	ENTER_DEVICE(device);
	*mig = nth(device, index);
	return *mig ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int *id)
{
	ENTER_DEVICE(device);
	*id = device->gi;
	return device->parent ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, unsigned int *id)
{
	ENTER_DEVICE(device);
	*id = device->ci;
	return device->parent ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

#include "set.h"
