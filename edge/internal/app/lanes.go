package app

// Lanes is what every lane looks like now, in the order of the configuration.
func (a *Agent) Lanes() []Lane {
	out := make([]Lane, len(a.gates))
	for i, g := range a.gates {
		out[i] = *g.shown.Load()
	}
	return out
}
