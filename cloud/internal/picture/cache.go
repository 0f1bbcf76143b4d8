package picture

import (
	"container/list"
	"context"
	"sync"

	"golang.org/x/sync/singleflight"
)

// cache keeps files that were asked for lately, up to a number of bytes.
type cache struct {
	most int
	once singleflight.Group

	mu    sync.Mutex
	bytes int
	order *list.List // of *kept, the one that was asked for last in front
	by    map[string]*list.Element
}

type kept struct {
	key  string
	body []byte
}

func newCache(most int) *cache {
	return &cache{most: most, order: list.New(), by: map[string]*list.Element{}}
}

// get is what is kept under a key, else what load loads: once for all who ask meanwhile,
// whoever of them goes away. What load finds nothing for is not kept.
func (c *cache) get(ctx context.Context, key string, load func() ([]byte, error)) ([]byte, error) {
	if body := c.look(key); body != nil {
		return body, nil
	}
	got := c.once.DoChan(key, func() (any, error) {
		body, err := load()
		if err == nil && body != nil {
			c.keep(key, body)
		}
		return body, err
	})
	select {
	case r := <-got:
		body, _ := r.Val.([]byte)
		return body, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *cache) look(key string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.by[key]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	k, _ := e.Value.(*kept)
	return k.body
}

// keep keeps a file and forgets those that were not asked for for longest.
func (c *cache) keep(key string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[key] != nil || len(body) > c.most {
		return
	}
	c.by[key] = c.order.PushFront(&kept{key, body})
	c.bytes += len(body)
	for c.bytes > c.most {
		last := c.order.Back()
		k, _ := last.Value.(*kept)
		c.order.Remove(last)
		delete(c.by, k.key)
		c.bytes -= len(k.body)
	}
}
