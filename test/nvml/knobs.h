//go:build ignore

// What can be set, kept in a file so that the next process finds it: nvml.state
// beside the library, or where a line "state PATH" of nvml.conf says. A line is
//
//	gpu0 compute=3 persistence=1 power=250000 mig=1 pending=1
//	part gpu0 gi=1 profile=2 start=0
//	compute gpu0 gi=1 ci=0 profile=2

#include <unistd.h>

// A part of a device in MIG mode, of one of the profiles below.
struct nvmlGpuInstance_st {
	struct nvmlDevice_st *device;
	unsigned id, profile, start;
};

struct nvmlComputeInstance_st {
	struct nvmlGpuInstance_st *part;
	unsigned id, profile;
};

// The profiles of an A100 with 40 GB: compute slices, memory slices, and at which
// of the latter one may begin.
static const struct kind_of_part {
	unsigned number, id, slices, count, room, starts;
	unsigned long long megabytes;
	const char *name;
} kinds[] = {
	{NVML_GPU_INSTANCE_PROFILE_1_SLICE, 19, 1, 7, 1, 0x7f, 4864, "1g.5gb"},
	{NVML_GPU_INSTANCE_PROFILE_2_SLICE, 14, 2, 3, 2, 0x15, 9856, "2g.10gb"},
	{NVML_GPU_INSTANCE_PROFILE_3_SLICE, 9, 3, 2, 4, 0x11, 19968, "3g.20gb"},
	{NVML_GPU_INSTANCE_PROFILE_4_SLICE, 5, 4, 1, 4, 0x01, 19968, "4g.20gb"},
	{NVML_GPU_INSTANCE_PROFILE_7_SLICE, 0, 7, 1, 8, 0x01, 40192, "7g.40gb"},
	{NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV1, 20, 1, 1, 1, 0x7f, 4864, "1g.5gb+me"},
};
enum { KINDS = sizeof kinds / sizeof *kinds, OLDEST = NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV2 };

static const unsigned compute_slices[] = {1, 2, 3, 4, 7};
enum { COMPUTES = sizeof compute_slices / sizeof *compute_slices };

static struct nvmlGpuInstance_st parts[MAX];
static struct nvmlComputeInstance_st computes[MAX];
static char state_path[PATH_MAX + 16];

static struct nvmlGpuInstance_st *part_of(const struct nvmlDevice_st *d, unsigned id)
{
	for (int i = 0; i < MAX; i++)
		if (parts[i].device == d && parts[i].id == id)
			return &parts[i];
	return NULL;
}

static void read_state_line(const char *line)
{
	char word[80] = "", label[80] = "", wide[1100];
	sscanf(line, "%79s %79s", word, label);
	snprintf(wide, sizeof wide, " %s", line);
	struct nvmlDevice_st *d = labelled(strcmp(word, "part") == 0 || strcmp(word, "compute") == 0 ? label : word);
	if (!d)
		return;
	unsigned gi = (unsigned)number(wide, "gi", 0);
	if (strcmp(word, "part") == 0) {
		for (int i = 0; i < MAX; i++)
			if (!parts[i].device) {
				parts[i] = (struct nvmlGpuInstance_st){d, gi, (unsigned)number(wide, "profile", 0), (unsigned)number(wide, "start", 0)};
				break;
			}
	} else if (strcmp(word, "compute") == 0) {
		for (int i = 0; i < MAX; i++)
			if (!computes[i].part) {
				computes[i] = (struct nvmlComputeInstance_st){part_of(d, gi), (unsigned)number(wide, "ci", 0), (unsigned)number(wide, "profile", 0)};
				break;
			}
	} else {
		d->compute = (int)number(wide, "compute", 0);
		d->persistence = (int)number(wide, "persistence", 0);
		d->power = (unsigned)number(wide, "power", d->power_default);
		d->mig = (int)number(wide, "mig", 0);
		d->pending = (int)number(wide, "pending", 0);
	}
}

// show_parts makes MIG devices of the compute instances.
static void show_parts(void)
{
	for (int i = 0; i < MAX; i++) {
		const struct nvmlComputeInstance_st *c = &computes[i];
		if (!c->part)
			continue;
		const struct kind_of_part *k = &kinds[c->part->profile];
		char line[512], split[8] = "";
		if (compute_slices[c->profile] != k->slices)
			snprintf(split, sizeof split, "%uc.", compute_slices[c->profile]);
		snprintf(line, sizeof line, "mig %s gi=%u ci=%u uuid=MIG-%s-%u-%u total=%llu used=0 name=%.60s MIG %s%s", c->part->device->label,
			 c->part->id, c->id, c->part->device->uuid, c->part->id, c->id, k->megabytes << 20, c->part->device->name, split, k->name);
		read_device(line, c->part->device->label, c->part->device);
	}
}

static void read_state(void)
{
	char line[1024];
	memset(parts, 0, sizeof parts);
	memset(computes, 0, sizeof computes);
	FILE *f = fopen(state_path, "re");
	if (!f)
		return; // nobody has set anything
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = '\0';
		read_state_line(line);
	}
	fclose(f);
	show_parts();
}

static nvmlReturn_t write_state(void)
{
	char beside[PATH_MAX + 32];
	snprintf(beside, sizeof beside, "%s.new", state_path);
	FILE *f = fopen(beside, "we");
	if (!f)
		return NVML_ERROR_NO_PERMISSION;
	for (int i = 0; i < ndevices; i++)
		if (!devices[i].parent)
			fprintf(f, "%s compute=%d persistence=%d power=%u mig=%d pending=%d\n", devices[i].label, devices[i].compute,
				devices[i].persistence, devices[i].power, devices[i].mig, devices[i].pending);
	for (int i = 0; i < MAX; i++)
		if (parts[i].device)
			fprintf(f, "part %s gi=%u profile=%u start=%u\n", parts[i].device->label, parts[i].id, parts[i].profile, parts[i].start);
	for (int i = 0; i < MAX; i++)
		if (computes[i].part)
			fprintf(f, "compute %s gi=%u ci=%u profile=%u\n", computes[i].part->device->label, computes[i].part->id, computes[i].id, computes[i].profile);
	if (fclose(f) != 0 || rename(beside, state_path) != 0)
		return NVML_ERROR_NO_PERMISSION;
	return NVML_SUCCESS;
}
