package benchref

import (
	"fmt"
	"strings"
)

// newID is a UUIDv7 in SQL: the server's indexes see the ids in the order in
// which the program's own ids come.
const newID = `(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid`

// One is a pgbench script: the committer's own statement for one reservation of
// one to eight hours at one of the parkings. The statement needs the version of
// the day and its new counts; both are read in the same statement, because
// pgbench remembers nothing between two of them. Each of the clients has parkings
// of its own: the statement of one that was overtaken would be an error.
func One(l Lots, clients int) string {
	return variables(l) + fmt.Sprintf("\\set p random(0, %d) * %d + :client_id\n", l.N/clients-1, clients) + flat(fmt.Sprintf(`
select c.bases from inventory_day i,
 (select %[2]s as rid, %[2]s as pid, now() as at, gen_random_uuid()::text as key offset 0) u,
 lateral commit_unopposed(array[i.parking], array[1],
  array[row(1, i.parking, i.space_type, i.day, i.version, i.cap,
   i.free[1 : (:a)::int - 1] || (select array_agg((f - 1)::int2) from unnest(i.free[(:a)::int : (:z)::int]) f) || i.free[(:z)::int + 1 : 96], i.over)::commit_day],
  array[row(1, i.parking, u.rid, 0, 'held', 1, i.space_type, to_timestamp((i.day * 96::bigint + (:a)::int - 1) * 900), to_timestamp((i.day * 96::bigint + (:z)::int) * 900),
   i.day * 96::bigint + (:a)::int - 1, i.day * 96::bigint + (:z)::int, '%[3]s', u.pid, 'driver@example.org', '', '', u.at, u.at, null, null, null, null, 0, 0, u.at, u.at)::commit_reservation],
  array[row(1, i.parking, u.pid, 0, u.rid, 'requested', 'sandbox', 'pm_sandbox_ok', '', 'EUR', 480, 0, 0, 0, 0, null, '', '', u.at, 0, null, null, null, null)::commit_payment],
  array[row(1, i.parking, 'guest', u.key, decode('%[4]s', 'hex'), u.rid)::commit_key],
  array[row(1, i.parking, 1, 'reservation.held', '%[5]s')::commit_event], null, null) c
where i.parking = '%[1]s' || lpad((:p)::text, 5, '0') and i.space_type = 'standard' and i.day = (:d)::int;`,
		l.Prefix, newID, Quote, strings.Repeat("5a", 32), Body))
}

// Bulk is a pgbench script: one statement that reserves at 64 parkings, plain
// set-based SQL that writes the rows that commit_batch writes. It is a ceiling:
// it checks no version, computes no counts and takes no rows from a client.
func Bulk(l Lots) string {
	return variables(l) + fmt.Sprintf("\\set step random(1, %d)\n", l.N/64-1) + flat(fmt.Sprintf(`
with h as (
  select parking from parking_head where parking in (
    select '%[1]s' || lpad((((:p)::int + g * (:step)::int) %% %[6]d)::text, 5, '0') from generate_series(0, 63) g)
  order by parking for no key update),
n as (update parking_head p set revision = p.revision + 1 from h where p.parking = h.parking returning p.parking, p.revision),
d as (
  update inventory_day i set version = i.version + 1, cap = i.cap, free = i.free, over = i.over from n
  where i.parking = n.parking and i.space_type = 'standard' and i.day = (:d)::int),
u as materialized (select n.parking, n.revision, %[2]s as rid, %[2]s as pid, gen_random_uuid()::text as key, now() as at from n),
r as (
  insert into reservation (parking, id, version, state, generation, space_type, from_at, to_at, claim_from_q, claim_to_q,
    quote, payment, email, hold_until, no_show_at, created_at, updated_at)
  select parking, rid, 1, 'held', 1, 'standard', to_timestamp(((:d)::int * 96::bigint + (:a)::int - 1) * 900), to_timestamp(((:d)::int * 96::bigint + (:z)::int) * 900),
    (:d)::int * 96::bigint + (:a)::int - 1, (:d)::int * 96::bigint + (:z)::int, '%[3]s', pid, 'driver@example.org', at, at, at, at from u),
p as (
  insert into payment (parking, id, version, reservation, state, provider, method, currency, amount, updated_at)
  select parking, pid, 1, rid, 'requested', 'sandbox', 'pm_sandbox_ok', 'EUR', 480, at from u),
k as (insert into idempotency_key (principal, key, request_hash, parking, reservation) select 'guest', key, decode('%[4]s', 'hex'), parking, rid from u),
e as (insert into event (parking, revision, kind, body) select parking, revision, 'reservation.held', '%[5]s' from u)
select count(*) from u;`,
		l.Prefix, newID, Quote, strings.Repeat("5a", 32), Body, l.N))
}

// Quote and Body are what a reservation of these benches carries as JSON. They
// hold no colon before a letter, which pgbench would take for a variable.
const (
	Quote = `{"total": {"minor": 480, "currency": "EUR"}, "tax": {"minor": 77, "currency": "EUR"}, "tariff_version": 1, "lines": []}`
	Body  = `{"claims": [{"type": "standard", "from_q": 1980000, "to_q": 1980016, "n": 1}], "reservation": {"id": "rsv_01jd3k0000000000000000000000", "state": "held", "version": 1, "generation": 1, "space_type": "standard", "from": "2026-11-22 10h", "to": "2026-11-22 14h"}, "payment": {"id": "pay_01jd3k0000000000000000000000", "reservation": "rsv_01jd3k0000000000000000000000", "state": "requested", "version": 1}}`
)

func variables(l Lots) string {
	return fmt.Sprintf("\\set p random(0, %d)\n\\set d random(%d, %d)\n\\set n random(4, 32)\n\\set a random(1, 97 - :n)\n\\set z :a + :n - 1\n",
		l.N-1, l.FirstDay, int(l.FirstDay)+l.Days-1)
}

// flat writes a statement on one line: pgbench reads to the semicolon.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") + "\n" }
