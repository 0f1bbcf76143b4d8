-- +goose Up

-- What is shown of a parking: photos in their order, and one plan. Their bytes are apart,
-- named after what they are; nothing but these two sizes was ever stored (package picture).
create table picture (
  parking      text collate "C" not null references parking,
  id           text collate "C" not null check (id ~ '^[0-9a-f]{64}$'), -- that of the large file
  kind         text collate "C" not null check (kind in ('photo', 'plan')),
  place        smallint not null,
  alt          jsonb not null,
  width        int not null,
  height       int not null,
  small        text collate "C" not null,
  small_width  int not null,
  small_height int not null,
  added_at     timestamptz not null default now(),
  primary key (parking, id)
);
create unique index picture_one_plan on picture (parking) where kind = 'plan';
create table picture_file (
  parking text collate "C" not null references parking,
  hash    text collate "C" not null, -- SHA-256 of the body
  body    bytea not null,
  primary key (parking, hash),
  check (hash = encode(sha256(body), 'hex'))
);
-- A JPEG is as small as it gets.
alter table picture_file alter column body set storage external;
grant select, insert, update, delete on picture to openlot_app;
grant select, insert, delete on picture_file to openlot_app;
