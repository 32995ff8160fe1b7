package config

import "slices"

// Asked says which keys compiling asks for, each with the words that it would
// take, whether the configuration is good or not.
func Asked(list []Source) map[string][]string {
	probs := problems{asked: map[string][]string{}}
	if tree := mergeAll(list, &probs); tree != nil {
		newCompiler(tree, &probs).compile()
	}
	return probs.asked
}

// Kinds lists the kinds of settings, sorted.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}
