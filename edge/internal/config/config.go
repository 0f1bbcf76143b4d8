package config

import (
	"time"

	"github.com/openlot/openlot/edge/internal/admission"
	"github.com/openlot/openlot/edge/internal/device"
	"github.com/openlot/openlot/edge/internal/device/gpio"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/wire"
)

// Config is everything an edge is told.
type Config struct {
	Parking    id.Parking
	Edge       id.Edge
	SecretFile string
	MQTT       string // the broker's address
	DataDir    string
	HTTP       string // local address of /healthz and /state
	Zone       *time.Location
	Language   wire.Language // of drivers, unless their lane says otherwise

	Lanes    []Lane
	Devices  []Device
	Readers  []Reader
	Displays []Display
	Kiosk    *Kiosk // nil: no machine takes money here

	LogLevel           string
	StoreLimit         int64         // bytes of the disk that the store may take
	UpdateConfirmAfter time.Duration // of work without a fault, before a new version is kept

	ReadersHTTP string // address at which readers send what they read, or empty

	places places
}

// Lane is one lane and what belongs to it.
type Lane struct {
	ID         id.Lane
	Direction  admission.Direction
	Reversible bool // the staff may turn it; Direction is how it leads at first
	SpaceType  id.SpaceType
	Only       []id.SpaceType
	Mode       admission.Mode
	Language   wire.Language
	Device     string // that carries its gate
	Gate       int    // on the device
	Readers    []string
	Display    string // or empty

	Key string // where it is configured
}

// Device carries gates: a board or this machine's own lines.
type Device struct {
	ID    string
	Board *Board
	GPIO  *GPIO

	Key string
}

// Board is a board behind a serial line.
type Board struct {
	Port string
	Baud int
}

// GPIO is gates on this machine's lines.
type GPIO struct {
	Driver gpio.Driver
	Gates  map[int]gpio.Gate
}

// Reader reads credentials at a lane, by exactly one of Serial, Keyboard and
// TokenFile.
type Reader struct {
	ID          string
	Reads       device.Medium
	RepeatAfter time.Duration // the same text again within this time is one read
	Confidence  float64       // least confidence of a plate, 0 to 1

	Serial    *Serial
	Keyboard  *Keyboard
	TokenFile string // of an HTTP reader

	Key string
}

// Serial is a reader that sends lines over a serial port.
type Serial struct {
	Port           string
	Baud           int
	Prefix, Suffix string        // taken off each line
	FlushAfter     time.Duration // a line ends when nothing came for so long; 0: only with CR or LF
}

// Keyboard is a reader that types like a keyboard.
type Keyboard struct {
	Input  string // below /dev/input
	Layout string // us or de: the keyboard that the reader takes itself for
}

// Display is a text display at a lane, behind a serial port.
type Display struct {
	ID            string
	Port          string
	Baud          int
	Columns, Rows int
	Charset       string // ascii, latin1 or cp437
	Clear         string // bytes that empty it and put the cursor in front
	Idle          string // what it shows when nobody is told anything
	HoldFor       time.Duration

	Key string
}

// places knows where in the file each key is.
type places struct {
	file  string
	lines map[string]int    // by key
	flags map[string]string // keys whose value came from a flag or the environment
}

// Problem makes a problem of a key of this configuration.
func (c *Config) Problem(key string, severity Severity, code Code, text, fix string) Problem {
	return c.places.problem(key, severity, code, text, fix)
}

func (p places) problem(key string, severity Severity, code Code, text, fix string) Problem {
	for k := key; k != ""; k = parent(k) {
		if flag, ok := p.flags[k]; ok {
			return Problem{Key: flag, Severity: severity, Code: code, Text: text, Fix: fix}
		}
	}
	if key == "" { // about no part of the file
		return Problem{Severity: severity, Code: code, Text: text, Fix: fix}
	}
	return Problem{File: p.file, Line: p.line(key), Key: key, Severity: severity, Code: code, Text: text, Fix: fix}
}

// line is where a key is, or what it lies in.
func (p places) line(key string) int {
	for key != "" {
		if n, ok := p.lines[key]; ok {
			return n
		}
		key = parent(key)
	}
	return 0
}
