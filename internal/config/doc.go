// Package config reads what an admin wrote and makes a Catalog of it, or says
// everything that is wrong with it, each with file, line, column and what to
// do. One decoder serves the daemon, moded --check and modectl config check.
//
// # Layers
//
// Four layers, the later one has the last word:
//
//	embedded default < /usr/share/moded/*.toml < /etc/moded/moded.toml < /etc/moded/moded.d/*.toml
//
// Files of a directory are read in the order of their names; names that begin
// with a dot are not. They merge so:
//
//   - Tables merge key by key; texts, numbers and lists are replaced.
//   - The value of a knob whose keys make sense only together is replaced as
//     one, however it is written: gui, audio, target, tune, k3s, and each of
//     gpus and vllm. Each of units, slices and user-slices merges by key.
//   - So are a card in [gpus] and a guard that is restated with its kind.
//   - An edge replaces the earlier layers' edge of the same event, from and
//     to; the others are appended.
//   - A layer that names the cards in the other way, "auto" or one by one,
//     drops what earlier layers said about who owns which.
//   - enabled = false takes a mode (with its edges) or an edge away.
//
// A mode is then laid over base by the same rules. Every knob that any mode
// turns must have a value in base, each limit of a slice too, so that where a
// knob stands depends on the mode alone; "any" is such a value: not set, not
// verified, never drift.
//
// # What is checked
//
// Unknown keys, shapes and spellings of values; names; units, of which each
// has one owner; cards, guards and their parameters; that edges join modes,
// that at most one edge of a pair is taken by hand, that every mode can be
// reached by hand, and that no edge leads from realtime audio straight to a
// mode without GUI.
//
// # Trust
//
// A file may be reached through symbolic links, as on NixOS. It must be
// regular and at most 1 MiB; with Options.Trust it must belong to root and be
// writable by nobody else. Nothing that is put in its place can block the
// reader.
package config
