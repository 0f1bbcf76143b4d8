package parking

import "github.com/openlot/openlot/protocol/id"

// PictureKind is what a picture is to a parking.
type PictureKind string

// The kinds.
const (
	Photo PictureKind = "photo"
	Plan  PictureKind = "plan"
)

// Picture is a picture of a parking without its bytes, which nobody needs but those who
// look at it.
type Picture struct {
	ID    string // that of its large file
	Kind  PictureKind
	Alt   Texts // what is to be seen, in each language
	Large File
	Small File
}

// File is one size of a picture.
type File struct {
	Hash          string // SHA-256 of its bytes, in hex
	Width, Height int
}

// ShownPicture is a picture as whoever may see the parking is shown it.
type ShownPicture struct {
	ID    string      `json:"id"`
	Kind  PictureKind `json:"kind"`
	Alt   Texts       `json:"alt"`
	Large ShownFile   `json:"large"`
	Small ShownFile   `json:"small"`
}

// ShownFile is where a size of a picture is, and how large.
type ShownFile struct {
	URL    string `json:"url"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// Shown are the pictures of a parking for people; none is an empty list.
func Shown(at id.Parking, all []Picture) []ShownPicture {
	file := func(f File) ShownFile {
		return ShownFile{"/parkings/" + string(at) + "/pictures/" + f.Hash, f.Width, f.Height}
	}
	out := make([]ShownPicture, 0, len(all))
	for _, p := range all {
		out = append(out, ShownPicture{p.ID, p.Kind, p.Alt, file(p.Large), file(p.Small)})
	}
	return out
}

// HasFile is whether one of the parking's pictures has a file.
func (p *Parking) HasFile(hash string) bool {
	for i := range p.Pictures {
		if x := &p.Pictures[i]; x.Large.Hash == hash || x.Small.Hash == hash {
			return true
		}
	}
	return false
}
