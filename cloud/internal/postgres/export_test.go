package postgres

// Queued is how many requests no worker has taken yet.
func (c *Committer) Queued() int {
	n := 0
	for i := range c.shards {
		n += len(c.shards[i].queue)
	}
	return n
}
