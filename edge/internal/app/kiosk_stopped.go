package app

import (
	"fmt"
	"runtime/debug"
)

// stopped reports that the machine does nothing, and shows only that.
func (k *takings) stopped() bool { return k.unread || k.broken }

// survives does something of the machine, and reports whether that ended as it should. A
// bug in it ends nothing else: the lanes run in the same program.
func (k *takings) survives(do func()) (well bool) {
	defer func() {
		if bug := recover(); bug != nil {
			if text := fmt.Sprint("a bug: ", bug); text != k.said {
				k.said = text
				k.log.Error("the kiosk fails", "err", text, "stack", string(debug.Stack()))
			}
		}
	}()
	do()
	return true
}
