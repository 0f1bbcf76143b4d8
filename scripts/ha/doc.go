// Package ha runs Openlot as it is run where nothing may fail for good: several
// instances of the cloud behind a balancer, a Postgres that fails over, a broker of
// several nodes, and edges. Everything is on one machine and can be killed part by
// part, under load, with checks of what drivers and owners must never notice.
//
// Patroni with etcd was chosen among what Debian 12 keeps (repmgr 5.3, pg_auto_failover
// 2.0): it holds the leadership in a store with a quorum, so that a partition leaves one
// primary and not two; it takes back a primary that came late by pg_rewind; and it
// promotes no standby that may lack an acknowledged commit, because whom it counts as
// synchronous is in that same store (see patroniConfig for the one version of etcd's
// interface with which that does not hold). repmgr decides by the votes of its own daemons and
// leaves fencing to scripts; pg_auto_failover has one monitor, which is a part that may
// die, too.
package ha
