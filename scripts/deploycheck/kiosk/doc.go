// Package kiosk checks what locks a kiosk's machine (deploy/kiosk): units, policies, and a
// real browser that they lock.
//
// Mistakes that were made on purpose, each in a copy, and that it found: a key of a unit
// misspelled; a restart that gives up; a policy with a wrong name, of the browser and of the
// Android device; no list of what is refused; the list of what is allowed without its path.
package kiosk
