package story

import (
	"errors"

	"github.com/openlot/openlot/protocol/pass"
)

// alter changes one character of a pass so that it still reads as a pass, whose
// signature no longer fits.
func alter(keys *pass.Verifier, text string) (string, error) {
	// Near the end is the signature; a character there changes no claim.
	for i := len(text) - 4; i > len(text)/2; i-- {
		for _, c := range []byte("7X") {
			altered := text[:i] + string(c) + text[i+1:]
			if _, err := keys.Verify(altered); errors.Is(err, pass.ErrBadSignature) {
				return altered, nil
			}
		}
	}
	return "", errors.New("no character of the pass can be altered")
}
