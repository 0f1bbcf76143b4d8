package model

import "time"

// Picture is what an onlooker sees; positions are those of the moment, and
// speeds let him draw what follows.
type Picture struct {
	Arm      float64 // 0 down, 1 up
	ArmSpeed float64 // per second
	Text     string  // on the display
	Queue    int     // vehicles behind the lane
	Cars     []Car
}

// Car is a vehicle in the lane.
type Car struct {
	ID    uint64
	X     float64 // of its front, metres
	Speed float64 // metres per second
}

// Picture draws the lane at now.
func (l *Lane) Picture(now time.Duration) Picture {
	p := Picture{Arm: l.armAt(now), ArmSpeed: l.armV, Text: l.text, Queue: len(l.queue)}
	for _, c := range l.cars {
		p.Cars = append(p.Cars, Car{ID: c.ID, X: c.at(now), Speed: c.v})
	}
	return p
}
