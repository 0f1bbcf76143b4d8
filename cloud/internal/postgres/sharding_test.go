package postgres_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/openlot/openlot/cloud/internal/postgres/postgrestest"
)

const peoples = "people and their log-ins are no parking's: in a database of their own; a session's principal goes with the request"

// global are the tables that are not a parking's: where they are when parkings are
// divided among several databases, and why that is possible.
var global = map[string]string{
	"operator":         "copied to every shard: small, written by hand",
	"feed_cursor":      "each shard has a relay and a cursor of its own",
	"signing_key":      "copied to every shard",
	"secret":           "copied to every shard",
	"goose_db_version": "each shard is migrated by itself",
	"dev_mail":         "the built-in inbox, of one machine",
	"dev_sms":          "the built-in inbox, of one machine",
	"reconciled":       "how far each provider's books were compared; a shard compares its own payments",
	"closing":          "a chain for each operator, in the shard of whose parkings it closes the days; one with parkings in two shards has two chains",
	"event_default":    "a partition of event",
	"account":          peoples, "membership": peoples, "login": peoples, "account_link": peoples, "login_tries": peoples, "passkey": peoples, "passkey_challenge": peoples, "invitation": peoples, "operator_change": peoples,
	"idempotency_key": "see keysWithout",
	"payment_notice":  "see keysWithout",
	"dispute":         "see keysWithout",
	"cash_promise":    "see keysWithout",
}

// keysWithout are unique keys of tables with a parking that do not begin with it,
// and why each holds within a shard as well as it does in one database.
var keysWithout = map[string]string{
	"cash_promise (key)":                "the key is that of a payment, which is a UUID of one parking",
	"cash_promise (ref)":                "a random name that a promise to pay at a machine of its parking has",
	"edge (id)":                         "an edge's id is random and names one parking's edge for life: made in the shard of its parking, where alone it logs in",
	"idempotency_key (principal, key)":  "a caller's key is bound to the request's hash, which names the parking: asked for again it comes to the same shard. The same key for parkings of two shards is not noticed as a misuse; each still counts once",
	"payment_notice (provider, event)":  "the provider's id of an event about one payment; whoever takes the webhook hands it to the shard of the payment's parking, and it counts once there",
	"reservation_account (reservation)": "a reservation is a UUID of one parking, in whose shard the row is",
	"dispute (provider, ref)":           "the provider's name for a dispute about one payment, told by such events",
}

// Whatever belongs to a parking can go to another database with it: unique keys
// begin with the parking, and a row refers to rows of its own parking only, or to
// what every shard has a copy of.
func TestParkingsCanBeDividedAmongDatabases(t *testing.T) {
	_, dsn := postgrestest.New(t)
	owner := postgrestest.Owner(t, dsn)
	rows, err := owner.Query(t.Context(), `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatal(tables, err)
	}
	columns := func(table string) []string { return columnsOf(t, owner, table) }
	parted := map[string]bool{"parking": true}
	for _, table := range tables {
		if slices.Contains(columns(table), "parking") {
			parted[table] = true
		} else if _, ok := global[table]; table != "parking" && !ok {
			t.Errorf("%s has no parking: which shard is it in? Give it one, or say in global why it needs none", table)
		}
	}
	used := map[string]bool{}
	for _, k := range uniqueKeys(t, owner) {
		first := "parking"
		if k.Table == "parking" {
			first = "id"
		}
		name := k.Table + " (" + strings.Join(k.Columns, ", ") + ")"
		if !parted[k.Table] || k.Columns[0] == first {
			continue
		}
		if _, ok := keysWithout[name]; !ok {
			t.Errorf("the unique key %s does not begin with the parking: no shard can say whether it is unique", name)
		}
		used[name] = true
	}
	for _, f := range foreignKeys(t, owner) {
		own := parted[f.Table]
		switch {
		case f.Target == "operator":
		case !parted[f.Target] && !own:
		case f.Target == "parking" && slices.Equal(f.Columns, []string{"parking"}):
		case own && parted[f.Target] && f.Columns[0] == "parking" && f.Targets[0] == "parking":
		default:
			t.Errorf("%s (%s) refers to %s (%s), which may be in another shard", f.Table, strings.Join(f.Columns, ", "), f.Target, strings.Join(f.Targets, ", "))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(keysWithout)) {
		if !used[name] {
			t.Errorf("there is no key %s any more", name)
		}
	}
}

type key struct {
	Table   string
	Columns []string
}

type foreign struct {
	Table   string
	Columns []string
	Target  string
	Targets []string
}

func columnsOf(t *testing.T, c *pgx.Conn, table string) []string {
	t.Helper()
	rows, err := c.Query(t.Context(), `select attname::text from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped`, "public."+table)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func uniqueKeys(t *testing.T, c *pgx.Conn) []key {
	t.Helper()
	// An expression has no attribute: it is shown as it is.
	rows, err := c.Query(t.Context(), `select t.relname::text, array(select pg_get_indexdef(i.indexrelid, n, true) from generate_series(1, i.indnkeyatts) n order by n)
		from pg_index i join pg_class t on t.oid = i.indrelid join pg_namespace s on s.oid = t.relnamespace
		where i.indisunique and s.nspname = 'public' and not t.relispartition`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
	if err != nil || len(out) < 20 {
		t.Fatal(out, err)
	}
	return out
}

func foreignKeys(t *testing.T, c *pgx.Conn) []foreign {
	t.Helper()
	names := func(keys, of string) string {
		return `array(select a.attname::text from unnest(k.` + keys + `) with ordinality u(n, at) join pg_attribute a on a.attrelid = ` + of + ` and a.attnum = u.n order by u.at)`
	}
	rows, err := c.Query(t.Context(), `select k.conrelid::regclass::text, `+names("conkey", "k.conrelid")+`, k.confrelid::regclass::text, `+names("confkey", "k.confrelid")+`
		from pg_constraint k join pg_namespace s on s.oid = k.connamespace where k.contype = 'f' and s.nspname = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByPos[foreign])
	if err != nil || len(out) < 5 {
		t.Fatal(out, err)
	}
	return out
}
