package cluster

// Parse and GPUs are tested and fuzzed on their own.
var (
	Parse = parse
	GPUs  = gpus
)
