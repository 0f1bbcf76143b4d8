package benchref

import (
	"context"

	"github.com/jackc/pgx/v5"
)

const (
	dropJobs  = `with gone as (delete from river.river_job where state = 'available' returning 1) select count(*) from gone`
	countJobs = `select count(*) from river.river_job where state in ('available', 'running', 'retryable')`
)

// DropJobs throws away the jobs of a cloud that wait, as the database's owner, and
// returns how many they were and how many are left or being worked on.
func DropJobs(ctx context.Context, dsn string) (dropped, left int, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is pending on it
	if err := conn.QueryRow(ctx, dropJobs).Scan(&dropped); err != nil {
		return 0, 0, err
	}
	return dropped, left, conn.QueryRow(ctx, countJobs).Scan(&left)
}
