// Package pipewire follows a user's PipeWire: it decodes what `pw-dump -m`
// prints, keeps the graph, and says in a Summary what an audio guard needs to
// know: who records, who produces, who merely plays, and which quantum is
// forced.
//
// The format has traps, and each has a test here. The stream is JSON arrays
// one after another, not lines. Property values that look like numbers or
// booleans come bare. Ids are used again at once. A removal has no type. A
// metadata document lists only the keys that changed. A JACK client has no
// media class. pw-dump ends with success when PipeWire dies.
//
// Names of applications are their own words: they are shown, never believed.
// Media names are not even read.
package pipewire
