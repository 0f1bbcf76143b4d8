package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/openlot/openlot/cloud/api"
	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/problem"
	"github.com/openlot/openlot/cloud/internal/receipt"
	"github.com/openlot/openlot/cloud/internal/receipt/paper"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/pass"
	"github.com/openlot/openlot/protocol/tariff"
)

// CodeEditionNotFound is the fault code of a tariff that the parking never had.
const CodeEditionNotFound = "edition_not_found"

// Receipts issues receipts, and publishes what they are checked with.
type Receipts interface {
	Issue(ctx context.Context, r id.Reservation) (receipt.Document, error)
	// Keys are all keys that receipts were ever signed with.
	Keys(ctx context.Context) ([]pass.PublicKey, error)
	// Tariff is an edition of a parking's tariff, nil when there is none.
	Tariff(ctx context.Context, at id.Parking, version uint32) (*tariff.Tariff, error)
}

// forms of a receipt, by the name that a query gives them.
var forms = map[string]string{"json": "application/json", "html": "text/html; charset=utf-8", "pdf": "application/pdf"}

// getReceipt shows the receipt as JSON, as a page or as a PDF.
func (s *server) getReceipt(c *gin.Context) error {
	form, err := receiptForm(c)
	if err != nil {
		return err
	}
	language, given := c.GetQuery("lang")
	if given && !locale.Known(language) {
		return fault.New(fault.Invalid, "invalid_parameter", "The parameter lang must be en or de.").WithField("lang", "must be en or de")
	}
	r, err := s.authenticated(c)
	if err != nil {
		return err
	}
	ctx, done := bounded(c)
	defer done()
	ctx, err = reading(ctx, c)
	if err != nil {
		return err
	}
	d, err := s.Receipts.Issue(ctx, r)
	if err != nil {
		return err
	}
	if !given && form != "json" {
		v, err := s.Booking.Get(ctx, r)
		if err != nil {
			return err
		}
		language = v.Reservation.Quote.Language
	}
	body, err := receiptBody(c, d, form, locale.Reader{Language: language})
	if err != nil {
		return err
	}
	c.Writer.Header().Add("Vary", "Accept, Authorization")
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if form == "html" {
		c.Header("Content-Security-Policy", paper.Policy)
	} else {
		c.Header("Content-Disposition", `inline; filename="receipt-`+d.Receipt.Number+`.`+form+`"`)
	}
	c.Data(http.StatusOK, forms[form], body)
	return nil
}

func receiptBody(c *gin.Context, d receipt.Document, form string, read locale.Reader) ([]byte, error) {
	switch form {
	case "pdf":
		return paper.PDF(&d.Receipt, read)
	case "json":
		return d.Bytes()
	}
	var links *paper.Links
	if token := c.Query("token"); token != "" { // without it a link would lead nowhere
		link := func(form string) string {
			return "?format=" + form + "&lang=" + read.Either(locale.English, locale.German) + "&token=" + url.QueryEscape(token)
		}
		links = &paper.Links{PDF: link("pdf"), JSON: link("json")}
	}
	return paper.HTML(&d.Receipt, links, read)
}

// receiptForm is what the query asks for, else the first of Accept's that there
// is.
func receiptForm(c *gin.Context) (string, error) {
	if f, given := c.GetQuery("format"); given {
		if forms[f] == "" {
			return "", fault.New(fault.Invalid, "invalid_parameter", "The parameter format must be json, html or pdf.").
				WithField("format", "must be json, html or pdf")
		}
		return f, nil
	}
	switch accept := c.GetHeader("Accept"); {
	case accept == "", accepts(c, "application/json"):
		return "json", nil
	case accepts(c, "text/html"):
		return "html", nil
	case accepts(c, "application/pdf"):
		return "pdf", nil
	case accepts(c, "*/*"), accepts(c, "application/*"):
		return "json", nil
	}
	return "", fault.New(fault.Invalid, problem.CodeNotAcceptable, "A receipt is application/json, text/html or application/pdf.")
}

// getKeys publishes the keys as a JSON Web Key Set (RFC 7517, RFC 8037).
func (s *server) getKeys(c *gin.Context) error {
	ctx, done := bounded(c)
	defer done()
	keys, err := s.Receipts.Keys(ctx)
	if err != nil {
		return err
	}
	set := api.KeySet{Keys: []api.Key{}}
	for _, k := range keys {
		set.Keys = append(set.Keys, api.Key{
			Kty: api.OKP, Crv: api.Ed25519, Alg: api.EdDSA, Use: api.Sig, Kid: hex.EncodeToString(k.ID), X: base64.RawURLEncoding.EncodeToString(k.Public),
		})
	}
	c.Header("Cache-Control", "public, max-age=300")
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	c.JSON(http.StatusOK, set)
	return nil
}

// getTariff publishes an edition of a tariff, byte for byte as receipts name it.
func (s *server) getTariff(c *gin.Context) error {
	missing := fault.New(fault.NotFound, CodeEditionNotFound, "The parking has no such edition of its tariff.")
	at, err := id.ParseParking(c.Param("id"))
	if err != nil {
		return missing
	}
	version, err := strconv.ParseUint(c.Param("version"), 10, 32)
	if err != nil || strconv.FormatUint(version, 10) != c.Param("version") {
		return missing
	}
	ctx, done := bounded(c)
	defer done()
	t, err := s.Receipts.Tariff(ctx, at, uint32(version))
	if err != nil {
		return err
	}
	if t == nil {
		return missing
	}
	document, err := receipt.Canonical(*t)
	if err != nil {
		return err
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(document))
	c.Header("ETag", tag)
	c.Header("Cache-Control", "public, max-age=31536000, immutable") // an edition never changes
	c.Header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if c.GetHeader("If-None-Match") == tag {
		c.Status(http.StatusNotModified)
		return nil
	}
	c.Data(http.StatusOK, "application/json", document)
	return nil
}
