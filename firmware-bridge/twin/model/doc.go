// Package model is the physical side of the digital twin: one lane with its
// barrier, its two loops and the vehicles in it.
//
// It is pure: Lane.Step takes the time and what was done to the lane, says what
// happened and when it wants to be stepped again. Between two events everything
// moves at constant speed, so an event's time is computed, not sampled, and a
// lane in which nothing moves asks for nothing.
//
//	x (m)   -4        0     2 2.5 3   4   5                 17
//	     starts here  |--A--|  :  |---B---|                 gone
//	                  arming   :    arm
//	                           drivers stop here
//
// The barrier's operator acts as real ones do. It opens on a command. It closes
// by itself when the safety loop has been occupied and then free for a moment,
// or on a command if the loop is free. It reverses when the loop is occupied
// while the arm comes down. While it is told to hold open, or by the fire
// alarm, it does not close at all. A safety loop that is out of order counts as
// occupied.
package model
