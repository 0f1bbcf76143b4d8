package archtest

// prefix begins the import path of everything that is ours.
const prefix = "github.com/openlot/openlot/"

// confined is a library that only some packages may import.
type confined struct {
	what  string   // import path, with everything below it
	only  []string // our packages that may, without prefix, with everything below them
	tests bool     // tests elsewhere may, too
	why   string
}

func confinedLibraries() []confined {
	return []confined{
		{
			what: "github.com/gin-gonic/gin", only: []string{"cloud/internal/httpapi", "cloud/internal/benchlisting"},
			why: "HTTP is one way in; use cases must not know it (a bench compares with a bare handler)",
		},
		{
			what: "github.com/jackc/pgx", only: []string{"cloud/internal/postgres", "cloud/internal/devpg", "cloud/internal/river", "cloud/internal/soak"}, tests: true,
			why: "all SQL is in one place, behind the interfaces of those who need it",
		},
		{
			what: "github.com/pressly/goose", only: []string{"cloud/internal/postgres"},
			why: "migrations belong to the schema",
		},
		{
			what: "github.com/eclipse/paho.mqtt.golang", only: []string{"cloud/internal/mqtt", "edge/internal/uplink"}, tests: true,
			why: "the protocol is messages; MQTT only carries them",
		},
		{
			what: "github.com/nats-io", only: []string{"cloud/internal/mqtt"},
			why: "the embedded broker is one of several that Openlot runs on",
		},
		{
			what: "github.com/riverqueue/river", only: []string{"cloud/internal/river"},
			why: "jobs follow from the feed; what they do must not depend on the queue",
		},
		{
			what: "github.com/stripe", only: []string{"cloud/internal/payment/stripe"},
			why: "what a payment is does not depend on who holds it",
		},
		{
			what: "github.com/go-webauthn", only: []string{"cloud/internal/webauthn"},
			why: "what a passkey opens does not depend on how a device proves that it has it",
		},
		{
			what: "go.opentelemetry.io/otel/sdk", only: []string{"cloud/internal/trace"}, tests: true,
			why: "who makes a span does not know where it goes",
		},
		{
			what: "go.opentelemetry.io/otel/exporters", only: []string{"cloud/internal/trace"},
			why: "who makes a span does not know where it goes",
		},
		{
			what: "go.etcd.io/bbolt", only: []string{"edge/internal/store"},
			why: "what is durable when is decided in one package",
		},
		{
			what: "periph.io/x", only: []string{"edge/internal/device/gpio"},
			why: "lanes drive devices, not pins",
		},
		{
			what: "github.com/warthog618/go-gpiocdev", only: []string{"edge/internal/device/gpio"},
			why: "lanes drive devices, not pins",
		},
		{
			what: "go.yaml.in/yaml", only: []string{"edge/internal/config"},
			why: "what an edge is told is read and checked in one place",
		},
		{
			what: "go.bug.st/serial", only: []string{"firmware-bridge"},
			why: "a board is reached through the bridge",
		},
	}
}

// barred is what a module must not contain, however it would come in.
type barred struct {
	module string
	what   []string
	why    string
}

func barredDependencies() []barred {
	server := []string{"github.com/gin-gonic", "github.com/jackc", "github.com/nats-io", "github.com/riverqueue"}
	return []barred{
		{module: "protocol", what: server, why: "device makers import it"},
		{module: "firmware-bridge", what: server, why: "it runs on the Pi"},
		{module: "edge", what: server, why: "it runs on the Pi: size, start-up time, attack surface"},
		{module: "edge", what: []string{"go.opentelemetry.io"}, why: "its kit makes a program of 16 MB 3.4 MB larger; edge/internal/trace sends spans without"},
		{module: "edge", what: []string{prefix + "cloud"}, why: "edge and cloud share the protocol and nothing else"},
		{module: "cloud", what: []string{prefix + "edge", prefix + "firmware-bridge"}, why: "edge and cloud share the protocol and nothing else"},
		{module: "firmware-bridge", what: []string{prefix + "cloud", prefix + "edge"}, why: "boards know neither edge nor cloud"},
		{module: "protocol", what: []string{prefix + "cloud", prefix + "edge", prefix + "firmware-bridge"}, why: "everybody depends on it"},
	}
}

// languageLibraries are the only modules that protocol, the published language,
// may import itself.
func languageLibraries() []string {
	return []string{prefix + "protocol", "github.com/fxamacker/cbor/v2", "github.com/veraison/go-cose"}
}

// pure lists our packages that compute and do nothing else: state, input and the
// time go in, the outcome comes out. That is why hundreds of cheap tests can say
// what they do. What lies below them may be an adapter, except for protocol.
func pure() []string {
	return []string{
		"cloud/internal/inventory",
		"cloud/internal/reservation",
		"cloud/internal/payment",
		"cloud/internal/session",
		"cloud/internal/ledger",
		"cloud/internal/commit",
		"cloud/internal/parking",
		"cloud/internal/places",
		"cloud/internal/bay",
		"cloud/internal/bill",
		"cloud/internal/receipt",
		"cloud/internal/reconcile",
		"cloud/internal/evidence",
		"cloud/internal/position",
		"edge/internal/lane",
		"edge/internal/admission",
		"edge/internal/kiosk",
		"edge/internal/kiosk/escpos",
		"protocol/...",
	}
}

// impure is what a pure package must not import, itself or through ours.
func impure() []string {
	return []string{
		"net", "net/http", "net/smtp", "database/sql", "log", "log/slog", "os", "os/exec", "os/signal", "syscall",
		"github.com/jackc", "github.com/gin-gonic", "github.com/eclipse", "github.com/nats-io", "github.com/riverqueue",
		"go.etcd.io", "periph.io", "github.com/prometheus", "go.opentelemetry.io",
	}
}
