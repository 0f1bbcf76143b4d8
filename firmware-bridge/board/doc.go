// Package board is the host's side of a board that carries the inputs and
// outputs of gates: loops, limit switches, readers, barrier and lights.
//
// # Authority
//
// The barrier's operator keeps people safe in hardware. The board guards what
// the host may ask of it. The host, this package's user, only asks. A host
// that dies, hangs or is cut off can hold nothing open or closed: every output
// is leased.
//
// # Promises
//
//   - A command is carried out at most once, however often it had to be
//     repeated on the line, and never by another boot of the board than the one
//     it was meant for.
//   - Events arrive in order. Within one Client each arrives once; one that was
//     being handled when the Client ended arrives again at the next Client.
//   - When the board has restarted, its outputs are released, and Restarted is
//     handled before anything else of the new boot. Commands fail with
//     ErrRestarted until then.
//
// # The lane I/O group
//
// This section is normative for makers of boards. Frames are those of package
// smp; the group is 64; maps have the text keys below; unknown keys are
// ignored. Numbers are unsigned integers unless something else is said.
//
//	id command     from   op     request                         response
//	0  hello       host   write  n                               n id fw g b s t
//	0  hello       host   read   -                               n id fw g b s t
//	1  set-output  host   write  b g o v l p                     -
//	2  get-inputs  host   read   g                               a v
//	3  event       board  write  b s o t g k, then a v, c or f   none
//	4  ack         host   write  b s                             none
//	5  present     host   write  b g x, k                        -
//
//	hello       n   session number, chosen by the host at random, not 0
//	            id  text, the board's name, at most 32 bytes
//	            fw  text, its firmware's version, at most 32 bytes
//	            g   number of gates, 1 to 16; gates count from 0
//	            b   boot: random, not 0, another after each start of the board
//	            s   oldest event that was not acknowledged, else the next one
//	            t   microseconds since the board started
//	set-output  b   boot that the command is meant for
//	            g   gate
//	            o   output: 0 open, 1 close, 2 red, 3 green
//	            v   boolean: on or off
//	            l   lease in milliseconds, if v is true: the board switches the
//	                output off by itself when it ends
//	            p   boolean: a pulse (lease 300 to 1000), else held
//	                (lease 100 to 10000) until renewed, set off or out of lease
//	get-inputs  a   bits of active inputs: 1 arming loop, 2 safety loop,
//	                4 open limit, 8 closed limit, 16 fire, 32 ticket button
//	            v   bits that are known; an unknown loop counts as occupied
//	event       b   boot
//	            s   sequence number, from 1 in each boot
//	            o   oldest sequence number that the board still holds
//	            t   microseconds since the board started
//	            g   gate, not for kind 4
//	            k   kind: 1 inputs changed (a v), 2 credential (c), 3 fault (f),
//	                4 restarted
//	            c   text, what was read, at most 700 bytes
//	            f   text, the fault's name
//	ack         b   boot
//	            s   all events up to this one have been dealt with
//	present     x   text, for the driver's display, at most 120 bytes
//	            k   text, ticket handed to the driver, at most 700 bytes, or absent
//
// A refusal is a response with {"err": {"group": 64, "rc": n}}:
//
//	2  malformed               11 interlocked: close while open is on
//	8  unknown command         12 safety loop occupied or unknown
//	10 no such gate or output  13 meant for another boot
//	                           14 lease or text out of range
//
// A board keeps these rules:
//
//   - A request whose sequence number, command and content equal one of the
//     last 32 is that request again: it answers as it did and does nothing. A
//     hello (write) with a new session number forgets them.
//   - At start all outputs are off. The first event is 4, then 1 for each gate.
//   - Open and close are never on together. Close is refused while open is on;
//     open switches close off first. Close is refused, and dropped at once if
//     it is on, while the safety loop is occupied or unknown, and is only ever
//     a pulse.
//   - At most 8 events are under way. All that are not acknowledged are sent
//     again, oldest first, after 100 ms, then after twice the time before, up
//     to 1 s, and at once after a hello (write). A board that has started does
//     not wait for a hello to say so. When there is no room for another event,
//     the oldest are forgotten and a fault "events_lost" follows.
//
// The host sends a request again, unchanged, when no answer came for 250 ms, at
// most three times. It numbers requests one after the other, and begins none
// while the one 16 numbers before is not over: so a board never forgets a
// request that may come again.
package board
