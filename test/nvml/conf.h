//go:build ignore

// What the stand-in answers, and how it is read from nvml.conf. The comment of
// package nvml has the language.

#include "nvml.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX 256
#define NONE 0xFFFFFFFFu

// A device, or a MIG device when it has a parent.
struct nvmlDevice_st {
	char label[32], name[96], uuid[96], pci[32];
	unsigned long long total, used;
	int busy, temperature, lost;
	struct nvmlDevice_st *parent;
	unsigned gi, ci;
	int settable, migable, compute, persistence, mig, pending;
	unsigned power, power_default, power_min, power_max;
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
	{"IN_USE", NVML_ERROR_IN_USE}, {"INSUFFICIENT_RESOURCES", NVML_ERROR_INSUFFICIENT_RESOURCES},
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
	d->settable = (int)number(line, "settable", 0);
	d->migable = (int)number(line, "migable", 0);
	d->power = d->power_default = (unsigned)number(line, "power", 0);
	d->power_min = (unsigned)number(line, "power-min", 0);
	d->power_max = (unsigned)number(line, "power-max", 0);
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

#include "knobs.h"

static int read_line(const char *line)
{
	char word[80] = "", one[80] = "", two[80] = "";
	sscanf(line, "%79s %79s %79s", word, one, two);
	if (!*word || *word == '#')
		return 1;
	if (strcmp(word, "driver") == 0)
		return snprintf(driver, sizeof driver, "%s", one) > 0;
	if (strcmp(word, "state") == 0)
		return snprintf(state_path, sizeof state_path, "%s", one) > 0;
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
	snprintf(state_path, sizeof state_path, "%s/nvml.state", directory);
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
	read_state();
	return good ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}
