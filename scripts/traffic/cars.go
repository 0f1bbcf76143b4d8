package traffic

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Car is one that is inside.
type Car struct {
	Credential string    `json:"credential"` // what it shows at the exit: ticket or pass
	Plate      string    `json:"plate"`
	Since      time.Time `json:"since"`
}

// cars are those inside, on file. A car on its way out stays on file until it
// is out.
type cars struct {
	file string

	mu      sync.Mutex
	inside  []Car
	leaving []Car
}

// openCars reads the cars that an earlier run left inside.
func openCars(file string) (*cars, error) {
	c := &cars{file: file}
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(b, &c.inside); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func (c *cars) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.inside)
}

// add takes in a car.
func (c *cars) add(car Car) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside = append(c.inside, car)
	return c.save()
}

// pick chooses a car that leaves.
func (c *cars) pick(r *rand.Rand) (Car, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.inside) == 0 {
		return Car{}, false
	}
	i := r.IntN(len(c.inside))
	car := c.inside[i]
	c.inside = append(c.inside[:i], c.inside[i+1:]...)
	c.leaving = append(c.leaving, car)
	return car, true
}

// left takes a car off file, or back among those inside if it is not out.
func (c *cars) left(car Car, out bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.leaving {
		if c.leaving[i].Credential == car.Credential {
			c.leaving = append(c.leaving[:i], c.leaving[i+1:]...)
			break
		}
	}
	if !out {
		c.inside = append(c.inside, car)
		return nil
	}
	return c.save()
}

// save replaces the file at once or not at all.
func (c *cars) save() error {
	all := append(append([]Car{}, c.inside...), c.leaving...)
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	tmp := c.file + ".new"
	if err := os.MkdirAll(filepath.Dir(c.file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(tmp, b, 0o600); err != nil { // passes open gates
		return err
	}
	return os.Rename(tmp, c.file)
}
