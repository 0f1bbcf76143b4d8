package app

import "github.com/openlot/openlot/edge/internal/admission"

// settle puts in force what the owner has set of the lane. The last word on its mode
// counts: his, when it is a new one, or that of the staff who have commanded another since.
// An edge that was never told settings leaves everything as it was.
func (g *gate) settle() {
	now, told := g.rec.clock.Now(), false
	set := admission.Open
	var is bool
	g.rec.View(func(s *admission.State) {
		if told = s.Policy.Zone != ""; !told {
			return
		}
		of := s.Setting(g.lane.ID)
		g.label = of.Label
		g.shut, _ = s.Shut(admission.Time{Lo: now.Lo, Hi: now.Hi}, g.zone)
		set, is = admission.SetMode(of.Mode)
	})
	switch {
	case !told:
	case !is:
		g.set = ""
	case set.String() != g.set:
		g.log.Info("the owner has set the lane's mode", "lane", g.lane.ID, "mode", set.String())
		g.mode, g.set = set, set.String()
	}
	g.show()
}
