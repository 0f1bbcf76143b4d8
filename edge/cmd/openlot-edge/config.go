package main

import (
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/openlot/openlot/edge/internal/config"
)

// settings are what an edge is told: flags over environment over the file of
// --config over defaults. What is nil was not given.
type settings struct {
	Config string `help:"YAML file with all of this and more; see edge/docs/configuration.md." env:"OPENLOT_EDGE_CONFIG" placeholder:"FILE"`

	Parking    *string  `help:"The parking's id." env:"OPENLOT_EDGE_PARKING" placeholder:"ID"`
	EdgeID     *string  `help:"This edge's id from its enrolment, edg_…; also its user name on the broker." env:"OPENLOT_EDGE_EDGE_ID" placeholder:"ID"`
	SecretFile *string  `help:"File with this edge's password on the broker." env:"OPENLOT_EDGE_SECRET_FILE" placeholder:"FILE"`
	MQTT       *string  `name:"mqtt" help:"Broker; tcp://127.0.0.1:1883 unless set." env:"OPENLOT_EDGE_MQTT" placeholder:"URL"`
	DataDir    *string  `help:"Directory of the journal and cache." env:"OPENLOT_EDGE_DATA_DIR" placeholder:"DIR"`
	HTTP       *string  `name:"http" help:"Local address of /healthz and /state; 127.0.0.1:8090 unless set." env:"OPENLOT_EDGE_HTTP" placeholder:"ADDR"`
	Board      *string  `help:"Serial port of the board that carries the gates." env:"OPENLOT_EDGE_BOARD" placeholder:"PATH"`
	GPIO       *string  `name:"gpio" help:"YAML file with the gates on this machine's own GPIO lines, instead of a board." env:"OPENLOT_EDGE_GPIO" placeholder:"FILE"`
	Baud       *string  `help:"Speed of the board's serial port; 115200 unless set." env:"OPENLOT_EDGE_BAUD"`
	Lanes      []string `help:"Lanes of the board or the lines as name:direction:gate[:space-type]; entry-1:entry:0,exit-1:exit:1 unless set." env:"OPENLOT_EDGE_LANES" placeholder:"LANE,…"`
	StoreLimit *string  `name:"store-limit-mib" help:"What the store may take of the disk, in MiB; 256 unless set. Near it time marks and faults are left out; at it entries refuse." env:"OPENLOT_EDGE_STORE_LIMIT_MIB"`
	Confirm    *string  `name:"update-confirm-after" help:"How long a new version works without a fault before it is kept; 5m unless set. One that takes six times as long is left again." env:"OPENLOT_EDGE_UPDATE_CONFIRM_AFTER"`
	Timezone   *string  `help:"IANA zone of the times that the driver reads. The machine's unless set." env:"OPENLOT_EDGE_TIMEZONE" placeholder:"ZONE"`
}

// load reads the file and what was given beside it.
func (s *settings) load() (*config.Config, config.Problems) {
	var over []config.Override
	for _, one := range []struct {
		key, flag string
		value     *string
	}{
		{"parking", "--parking", s.Parking},
		{"edge_id", "--edge-id", s.EdgeID},
		{"secret_file", "--secret-file", s.SecretFile},
		{"mqtt", "--mqtt", s.MQTT},
		{"data_dir", "--data-dir", s.DataDir},
		{"http", "--http", s.HTTP},
		{"board", "--board", s.Board},
		{"gpio", "--gpio", s.GPIO},
		{"baud", "--baud", s.Baud},
		{"timezone", "--timezone", s.Timezone},
		{"store_limit_mib", "--store-limit-mib", s.StoreLimit},
		{"update_confirm_after", "--update-confirm-after", s.Confirm},
	} {
		if one.value != nil {
			over = append(over, config.Override{Key: one.key, Flag: one.flag, Values: []string{*one.value}})
		}
	}
	if len(s.Lanes) > 0 {
		over = append(over, config.Override{Key: "lanes", Flag: "--lanes", Values: s.Lanes, List: true})
	}
	return config.Load(s.Config, over)
}

// checkEnv refuses variables that begin with OPENLOT_EDGE_ and mean nothing: a
// setting whose name is mistyped would be ignored without a word.
func checkEnv(parser *kong.Kong, environ []string) error {
	var known []string
	_ = kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error { // the visitor never fails
		if f, ok := n.(*kong.Flag); ok {
			known = append(known, f.Envs...)
		}
		return next(nil)
	})
	for _, v := range environ {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OPENLOT_EDGE_") && !slices.Contains(known, name) {
			return usage("unknown setting %s in the environment", name)
		}
	}
	return nil
}

// readSecret reads a file with one secret in it.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}
