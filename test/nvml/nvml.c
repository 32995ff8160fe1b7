//go:build ignore

// A stand-in for NVIDIA's libnvidia-ml.so.1: the functions that moded-probe
// calls, with go-nvml's own header, answered from the file nvml.conf that lies
// beside the library. The file is read anew by each nvmlInit. See the comment
// of package nvml for its language.

#define _GNU_SOURCE
#define NVML_NO_UNVERSIONED_FUNC_DEFS
#include "nvml.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX 256
#define NONE 0xFFFFFFFFu

// A device, or a MIG device when it has a parent.
struct nvmlDevice_st {
	char label[32], name[96], uuid[96], pci[32];
	unsigned long long total, used;
	int busy, temperature, lost;
	struct nvmlDevice_st *parent;
	unsigned gi, ci;
};

struct process {
	struct nvmlDevice_st *device;
	unsigned pid, gi, ci;
	unsigned long long memory;
	int compute, graphics, mps, sm;
};

// A rule says what a call does, on one device or on all.
struct rule {
	char call[80], device[32];
	nvmlReturn_t ret;
	enum { GIVE, HANG, CRASH } how;
};

static struct nvmlDevice_st devices[MAX];
static struct process processes[MAX];
static struct rule rules[MAX];
static int ndevices, nprocesses, nrules, initialised;
static char driver[80], directory[PATH_MAX];

static const struct { const char *name; nvmlReturn_t ret; } codes[] = {
	{"SUCCESS", NVML_SUCCESS}, {"UNINITIALIZED", NVML_ERROR_UNINITIALIZED},
	{"INVALID_ARGUMENT", NVML_ERROR_INVALID_ARGUMENT}, {"NOT_SUPPORTED", NVML_ERROR_NOT_SUPPORTED},
	{"NO_PERMISSION", NVML_ERROR_NO_PERMISSION}, {"NOT_FOUND", NVML_ERROR_NOT_FOUND},
	{"INSUFFICIENT_SIZE", NVML_ERROR_INSUFFICIENT_SIZE}, {"DRIVER_NOT_LOADED", NVML_ERROR_DRIVER_NOT_LOADED},
	{"GPU_IS_LOST", NVML_ERROR_GPU_IS_LOST}, {"RESET_REQUIRED", NVML_ERROR_RESET_REQUIRED},
	{"FUNCTION_NOT_FOUND", NVML_ERROR_FUNCTION_NOT_FOUND}, {"TIMEOUT", NVML_ERROR_TIMEOUT},
	{"LIB_RM_VERSION_MISMATCH", NVML_ERROR_LIB_RM_VERSION_MISMATCH}, {"UNKNOWN", NVML_ERROR_UNKNOWN},
};

// Reading nvml.conf.

// value copies what follows key= in a line up to the next blank; a name goes on
// to the end of the line.
static int value(const char *line, const char *key, char *out, size_t size)
{
	char find[32];
	snprintf(find, sizeof find, " %s=", key);
	const char *at = strstr(line, find);
	if (!at)
		return 0;
	at += strlen(find);
	size_t n = strcmp(key, "name") == 0 ? strlen(at) : strcspn(at, " ");
	snprintf(out, size, "%.*s", (int)n, at);
	return 1;
}

static unsigned long long number(const char *line, const char *key, unsigned long long none)
{
	char text[32];
	return value(line, key, text, sizeof text) ? strtoull(text, NULL, 10) : none;
}

static struct nvmlDevice_st *labelled(const char *label)
{
	for (int i = 0; i < ndevices; i++)
		if (strcmp(devices[i].label, label) == 0)
			return &devices[i];
	return NULL;
}

static int read_device(const char *line, const char *label, struct nvmlDevice_st *parent)
{
	if (ndevices == MAX)
		return 0;
	struct nvmlDevice_st *d = &devices[ndevices];
	memset(d, 0, sizeof *d);
	d->parent = parent;
	if (parent)
		snprintf(d->label, sizeof d->label, "%.15s/%d", label, ndevices);
	else
		snprintf(d->label, sizeof d->label, "%s", label);
	ndevices++;
	value(line, "name", d->name, sizeof d->name);
	value(line, "uuid", d->uuid, sizeof d->uuid);
	value(line, "pci", d->pci, sizeof d->pci);
	d->total = number(line, "total", 0);
	d->used = number(line, "used", 0);
	d->busy = (int)number(line, "busy", -1);
	d->temperature = (int)number(line, "temperature", -1);
	d->gi = (unsigned)number(line, "gi", NONE);
	d->ci = (unsigned)number(line, "ci", NONE);
	return 1;
}

static int read_process(const char *line, struct nvmlDevice_st *d)
{
	char kind[16] = "";
	if (nprocesses == MAX)
		return 0;
	value(line, "kind", kind, sizeof kind);
	int both = strcmp(kind, "both") == 0;
	processes[nprocesses++] = (struct process){
		.device = d, .pid = (unsigned)number(line, "pid", 0),
		.gi = (unsigned)number(line, "gi", NONE), .ci = (unsigned)number(line, "ci", NONE),
		.memory = number(line, "memory", ULLONG_MAX), .sm = (int)number(line, "sm", -1),
		.compute = both || strcmp(kind, "compute") == 0,
		.graphics = both || strcmp(kind, "graphics") == 0, .mps = strcmp(kind, "mps") == 0,
	};
	const struct process *p = &processes[nprocesses - 1];
	return p->compute || p->graphics || p->mps;
}

static int read_rule(const char *word, const char *call, const char *device)
{
	struct rule r = {.how = GIVE};
	if (strcmp(word, "hang") == 0)
		r.how = HANG;
	else if (strcmp(word, "crash") == 0)
		r.how = CRASH;
	else {
		size_t i = 0, n = sizeof codes / sizeof *codes;
		while (i < n && strcmp(codes[i].name, word) != 0)
			i++;
		if (i == n)
			return 0;
		r.ret = codes[i].ret;
	}
	snprintf(r.call, sizeof r.call, "%s", call);
	snprintf(r.device, sizeof r.device, "%s", device);
	if (nrules == MAX || !*call)
		return 0;
	rules[nrules++] = r;
	return 1;
}

static int read_line(const char *line)
{
	char word[80] = "", one[80] = "", two[80] = "";
	sscanf(line, "%79s %79s %79s", word, one, two);
	if (!*word || *word == '#')
		return 1;
	if (strcmp(word, "driver") == 0)
		return snprintf(driver, sizeof driver, "%s", one) > 0;
	if (strcmp(word, "gpu") == 0)
		return read_device(line, one, NULL);
	if (strcmp(word, "init") == 0)
		return read_rule(one, "nvmlInit", "");
	struct nvmlDevice_st *d = labelled(one);
	if (strcmp(word, "mig") == 0)
		return d && read_device(line, one, d);
	if (strcmp(word, "process") == 0)
		return d && read_process(line, d);
	if (strcmp(word, "lost") == 0)
		return d && (d->lost = 1);
	return read_rule(word, one, two);
}

static nvmlReturn_t configure(void)
{
	char path[PATH_MAX + 16], line[1024];
	Dl_info self;
	if (!dladdr((void *)nvmlInit_v2, &self) || !realpath(self.dli_fname, directory))
		return NVML_ERROR_UNKNOWN;
	*strrchr(directory, '/') = '\0';
	snprintf(path, sizeof path, "%s/nvml.conf", directory);
	ndevices = nprocesses = nrules = 0;
	FILE *f = fopen(path, "re");
	if (!f)
		return NVML_ERROR_DRIVER_NOT_LOADED;
	int good = 1;
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!read_line(line)) {
			fprintf(stderr, "cannot read %s: %s\n", path, line);
			good = 0;
		}
	}
	fclose(f);
	return good ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

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
	return *current ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

// There are more places than devices in them, as on a real one.
nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int *count)
{
	ENTER_DEVICE(device);
	*count = nth(device, 0) ? 7 : 0;
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
