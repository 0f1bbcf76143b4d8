package receipt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/openlot/openlot/protocol/pass"
)

// Purpose is the external data of a receipt's signature.
const Purpose = "openlot receipt 1"

// MaxDocument is the most bytes that are read as a receipt.
const MaxDocument = 4 << 20

// Document is a receipt as it is handed out.
type Document struct {
	Receipt   Receipt `json:"receipt"`
	Signature string  `json:"signature"` // COSE_Sign1 without payload, base64url without padding
}

// Sign makes the document of a receipt.
func Sign(r Receipt, key pass.SigningKey) (Document, error) {
	payload, err := encode(r, "")
	if err != nil {
		return Document{}, err
	}
	signature, err := key.SignDetached(Purpose, payload)
	if err != nil {
		return Document{}, fmt.Errorf("sign a receipt: %w", err)
	}
	return Document{r, base64.RawURLEncoding.EncodeToString(signature)}, nil
}

// Bytes is the document's only spelling.
func (d Document) Bytes() ([]byte, error) { return encode(d, "  ") }

// encode writes JSON without escapes that only HTML needs; indented, it ends
// with a line feed.
func encode(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write a receipt: %w", err)
	}
	if indent == "" {
		return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
	}
	return b.Bytes(), nil
}

// signed checks the signature.
func (d Document) signed(keys []pass.PublicKey) error {
	payload, err := encode(d.Receipt, "")
	if err != nil {
		return err
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(d.Signature)
	if err != nil {
		return fmt.Errorf("it is not base64url: %w", err)
	}
	v, err := pass.NewVerifier(keys)
	if err != nil {
		return err
	}
	return v.VerifyDetached(Purpose, payload, signature)
}
