// Package story tells what Openlot does, by doing it with the real programs: a
// reservation, a hold, a pass, the gate, a network that is cut and healed, and
// an account of everything at the end. Every step is checked and measured.
package story
