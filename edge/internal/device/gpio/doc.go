// Package gpio drives gates that are wired to the machine's own GPIO lines,
// through the kernel's character devices.
//
// The code above the drivers knows pins only by periph's interfaces. Two drivers
// make them: go-gpiocdev (the default) and periph's own.
//
// # What holds
//
//   - A line is found by its chip's label and its own name or offset. Numbers of
//     chips change from kernel to kernel.
//   - An input that cannot be read, has not been still for as long as its debounce
//     or flutters without end is unknown; a wire that is cut reads as active
//     (Check refuses a wiring of loops, fire or stop where it would not).
//   - Open and close are pulses that end by themselves, are never on together, and
//     have at least Gap between them. Open ends a close. Close waits for nothing:
//     it is refused while open is on or was just on.
//   - Close is refused unless the safety loop, read bare in that very call, is free
//     and has been for its debounce, and fire and stop are surely inactive. It is
//     dropped at once when that changes.
//   - While stop is not surely inactive the barrier is asked for nothing.
//   - No output moves at the start, and when this process ends, however it ends, the
//     kernel releases the lines. The wiring must make a released line no command;
//     see edge/docs/wiring.md, also for what a Raspberry Pi must be told for it.
package gpio
