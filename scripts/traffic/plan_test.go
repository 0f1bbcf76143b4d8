package traffic

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestPlan(t *testing.T) {
	for name, c := range map[string]struct {
		target int
		scene  Scene
		luck   float64
		want   Orders
	}{
		"as it should be":         {50, Scene{Inside: 50}, .9, Orders{}},
		"turnover":                {50, Scene{Inside: 50}, 0, Orders{Arrive: 1, Leave: 1}},
		"no turnover when empty":  {0, Scene{}, 0, Orders{}},
		"one more":                {51, Scene{Inside: 50}, .9, Orders{Arrive: 1}},
		"it is on its way":        {51, Scene{Inside: 50, Arriving: 1}, .9, Orders{}},
		"the lane bounds it":      {400, Scene{Inside: 50}, .9, Orders{Arrive: laneQueue}},
		"and what stands there":   {400, Scene{Inside: 50, Arriving: 1}, .9, Orders{Arrive: laneQueue - 1}},
		"a full lane":             {400, Scene{Inside: 50, Arriving: laneQueue + 1}, .9, Orders{}},
		"fewer":                   {49, Scene{Inside: 50}, .9, Orders{Leave: 1}},
		"many fewer":              {0, Scene{Inside: 50, Leaving: 1}, .9, Orders{Leave: laneQueue - 1}},
		"arrivals count as in":    {50, Scene{Inside: 50, Arriving: 1}, .9, Orders{Leave: 1}},
		"nobody is left to leave": {0, Scene{Inside: 0, Arriving: 2}, .9, Orders{}},
		"no way in":               {60, Scene{Inside: 50, NoEntry: true}, .9, Orders{}},
		"no way in, still out":    {40, Scene{Inside: 50, NoEntry: true}, .9, Orders{Leave: 2}},
	} {
		if got := Plan(c.target, c.scene, time.Second, c.luck); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// A parking follows its curve and gets back to it, and its cars are replaced.
func TestPlanFollowsTheTarget(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	s := Scene{}
	came := 0
	for second := range 4 * 3600 {
		target := 100
		if second > 2*3600 {
			target = 30
		}
		o := Plan(target, s, time.Second, rng.Float64())
		came += o.Arrive
		s.Inside -= o.Leave
		s.Arriving += o.Arrive
		s.Leaving += o.Leave
		if second%8 == 0 { // a passage takes eight seconds
			if s.Arriving > 0 {
				s.Arriving, s.Inside = s.Arriving-1, s.Inside+1
			}
			s.Leaving = max(s.Leaving-1, 0)
		}
		settled := second > 1200 && second < 2*3600 || second > 2*3600+1200
		if off := s.Inside + s.Arriving - target; settled && (off > 1 || off < -1) {
			t.Fatalf("after %d s there are %d of %d", second, s.Inside+s.Arriving, target)
		}
		if s.Arriving > laneQueue || s.Leaving > laneQueue {
			t.Fatalf("a queue: %+v", s)
		}
	}
	if came < 150 || came > 260 {
		t.Errorf("%d cars came for a hundred places in four hours", came)
	}
}
