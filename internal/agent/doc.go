// Package agent is the helper that runs once in each user's manager: it
// reports the user's audio to the daemon over the system bus, and does there
// what the daemon orders: see org.modectl.Agents1 and org.modectl.Agent1.
//
// This package is the skin. What it serves is done by its parts: package audio
// keeps the user's audio, with pipewire as its eyes and userunits as its hand;
// package userslices limits slices of the user's manager; package notify tells
// the person.
//
// The agent obeys the owner of org.modectl.Manager1 and root, nobody else, and
// holds no state that the daemon needs: it registers with each new owner of
// the name, which then repeats its standing orders.
package agent
