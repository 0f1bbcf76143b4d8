package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/openlot/openlot/scripts/traffic"
)

// sampleLive are the parkings of the sample that get gates.
func sampleLive() []string {
	return []string{"dresden-altmarkt-galerie", "dresden-semperoper", "dresden-parkhaus-mitte"}
}

// carParks is what is read here of a GeoJSON file of car parks.
type carParks struct {
	file     string
	ids      []string       // in the file's order
	capacity map[string]int // of those that have one
}

func readCarParks(file string) (carParks, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return carParks{}, err
	}
	var c struct {
		Features []struct {
			Properties struct {
				ID       string  `json:"id"`
				Capacity float64 `json:"capacity"`
			} `json:"properties"`
		} `json:"features"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return carParks{}, fmt.Errorf("%s: %w", file, err)
	}
	out := carParks{file: file, capacity: map[string]int{}}
	for _, f := range c.Features {
		out.ids = append(out.ids, f.Properties.ID)
		if f.Properties.Capacity > 0 {
			out.capacity[f.Properties.ID] = int(f.Properties.Capacity)
		}
	}
	return out, nil
}

// sold are the car parks with a capacity, those of sampleLive first.
func (c carParks) sold() []string {
	var out []string
	for _, id := range append(sampleLive(), c.ids...) {
		if c.capacity[id] > 0 && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// data is a folder with car parks and readings.
type data struct {
	parks  carParks
	curves traffic.Curves
}

// readData reads carparks.geojson and the one file of readings beside it.
func readData(dir string) (data, error) {
	parks, err := readCarParks(filepath.Join(dir, "carparks.geojson"))
	if err != nil {
		return data{}, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "occupancy-*.csv"))
	if err != nil {
		return data{}, err
	}
	if len(files) != 1 {
		return data{}, fmt.Errorf("%s: expected one file occupancy-*.csv, saw %d", dir, len(files))
	}
	f, err := os.Open(files[0])
	if err != nil {
		return data{}, err
	}
	curves, err := traffic.ReadCurves(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return data{}, fmt.Errorf("%s: %w", files[0], err)
	}
	return data{parks, curves}, nil
}

// live are the car parks that can have gates and traffic: sold and recorded.
func (d data) live() []string {
	return slices.DeleteFunc(d.parks.sold(), func(id string) bool { _, recorded := d.curves[id]; return !recorded })
}
