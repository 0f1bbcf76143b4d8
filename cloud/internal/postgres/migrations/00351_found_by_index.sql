-- +goose Up

-- When an edge started last and what its lanes' last fault was is asked for all edges at
-- once; both are rare in a journal, which was read backwards to find them.
create index observation_state on observation (parking, epoch, seq) where kind in (9, 10);

-- Reservations are looked for by their driver's address and by their stay. Those that are
-- only held, which come and go most, are in neither.
create index reservation_mail on reservation (parking, lower(email)) where state not in ('held', 'expired') and email <> '';
create index reservation_stay on reservation (parking, session) where session is not null;
