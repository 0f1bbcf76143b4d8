package booking

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/protocol/credential"
	"github.com/openlot/openlot/protocol/fault"
	"github.com/openlot/openlot/protocol/id"
	"github.com/openlot/openlot/protocol/timerange"
)

// Fault codes of requests that can never succeed as they are.
const (
	CodeRequestInvalid = "request_invalid"
	CodeKeyMissing     = "idempotency_key_missing"
	CodeKeyInvalid     = "idempotency_key_invalid"
)

// Request asks for a reservation.
type Request struct {
	Key       string // the caller's idempotency key
	Parking   string
	SpaceType string
	From, To  time.Time
	Plate     string // optional
	Method    string // the provider's token for the card
	Email     string
	Phone     string     // optional, E.164
	Quote     string     // optional: the price to reserve at
	Language  string     // optional: that the driver is written to in
	Accepts   string     // of languages, when he has not said one (Accept-Language)
	Account   id.Account // whose it will be; zero: a guest's
	Keep      bool       // a declined card does not end it: another one may be tried
}

// wanted is a request that makes sense in itself.
type wanted struct {
	Parking   id.Parking
	SpaceType id.SpaceType
	Window    timerange.Range
	Plate     string
	Method    string
	Email     string
	Phone     string
	Quote     id.Quote
	Keep      bool `json:",omitempty"` // so that keys from before there was one still fit
}

// Limits of a request.
const (
	minKey    = 16 // guests share one scope: a key must not be met by chance
	maxKey    = 255
	maxMethod = 128
	maxEmail  = 254
	maxPhone  = 32 // as it is written
)

// check normalises the request. It looks at nothing but the request, so that a
// retry is judged as the first try was.
func (r Request) check() (wanted, error) {
	if err := CheckKey(r.Key); err != nil {
		return wanted{}, err
	}
	window, err := newWindow(r.From, r.To)
	if err != nil {
		return wanted{}, err
	}
	invalid := map[string]string{}
	note := func(field string, err error) {
		if err != nil {
			invalid[field] = err.Error()
		}
	}
	n := wanted{Window: window, Keep: r.Keep}
	n.Parking, err = parkingID(r.Parking)
	if err != nil {
		return wanted{}, err
	}
	n.SpaceType, err = id.ParseSpaceType(r.SpaceType)
	if err != nil {
		return wanted{}, errSpaceType()
	}
	n.Plate, err = NormalPlate(r.Plate)
	note("vehicle_plate", err)
	n.Email, err = normalEmail(r.Email)
	note("contact.email", err)
	n.Phone, err = NormalPhone(r.Phone)
	note("contact.phone", err)
	n.Method, err = r.Method, checkMethod(r.Method)
	note("payment_method", err)
	if r.Language != "" && !locale.Known(r.Language) {
		invalid["language"] = "must be " + strings.Join(locale.Languages(), " or ")
	}
	if r.Quote != "" {
		if n.Quote, err = id.Parse[id.Quote](r.Quote); err != nil {
			invalid["quote_id"] = "is no quote's id"
		}
	}
	if len(invalid) > 0 {
		f := fault.New(fault.Invalid, CodeRequestInvalid, "Some of what was sent cannot be used; fields says what.")
		f.Fields = invalid
		return wanted{}, f
	}
	return n, nil
}

// language is the one that the driver is written to in; empty: nobody said one.
func (r Request) language() string {
	if r.Language != "" {
		return r.Language
	}
	return locale.Accepted(r.Accepts)
}

// hash tells requests apart that are sent with the same key. The language is not part
// of it: it is no part of what is bought.
func (n wanted) hash() ([32]byte, error) {
	text, err := json.Marshal(n)
	if err != nil {
		return [32]byte{}, fmt.Errorf("hash a request: %w", err)
	}
	return sha256.Sum256(text), nil
}

// parkingID reads a parking's id; one that no parking can have is not found,
// like any other that none has.
func parkingID(s string) (id.Parking, error) {
	p, err := id.ParseParking(s)
	if err != nil {
		return "", errParkingNotFound()
	}
	return p, nil
}

func errParkingNotFound() error {
	return fault.New(fault.NotFound, CodeParkingNotFound, "There is no such parking.")
}

func errSpaceType() error {
	return fault.New(fault.Invalid, CodeSpaceTypeUnknown, "This parking has no such space type.").
		WithField("space_type", "is not one of the parking's")
}

// CheckKey refuses an idempotency key that is missing or none. Its faults are
// CodeKeyMissing and CodeKeyInvalid.
func CheckKey(key string) error {
	if key == "" {
		return fault.New(fault.Invalid, CodeKeyMissing, "Send an Idempotency-Key header: a fresh random text for each reservation, and the same one when you retry.")
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return errKeyInvalid()
		}
	}
	if len(key) < minKey || len(key) > maxKey {
		return errKeyInvalid()
	}
	return nil
}

func errKeyInvalid() error {
	return fault.Newf(fault.Invalid, CodeKeyInvalid, "An Idempotency-Key has %d to %d visible ASCII characters.", minKey, maxKey)
}

func checkMethod(method string) error {
	if method == "" {
		return fmt.Errorf("is missing")
	}
	if len(method) > maxMethod || strings.ContainsFunc(method, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return fmt.Errorf("has 1 to %d visible ASCII characters", maxMethod)
	}
	// Sixteen digits in a row are a card number, which must never reach us.
	if digits := strings.Map(onlyDigits, method); len(digits) >= 13 && len(digits) == len(method) {
		return fmt.Errorf("is the provider's token for a card, never a card number")
	}
	return nil
}

func onlyDigits(c rune) rune {
	if c >= '0' && c <= '9' {
		return c
	}
	return -1
}

// NormalPlate is the plate in capitals without blanks and hyphens.
func NormalPlate(plate string) (string, error) {
	if plate == "" {
		return "", nil
	}
	n, ok := credential.NormalPlate(plate)
	if !ok {
		return "", fmt.Errorf("has %d to %d letters A-Z and digits", credential.MinPlate, credential.MaxPlate)
	}
	return n, nil
}

func normalEmail(email string) (string, error) {
	if email == "" {
		return "", fmt.Errorf("is missing")
	}
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || len(email) > maxEmail {
		return "", fmt.Errorf("is no e-mail address")
	}
	if _, domain, _ := strings.Cut(email, "@"); !strings.Contains(strings.Trim(domain, "."), ".") {
		return "", fmt.Errorf("is no e-mail address that can be reached")
	}
	return email, nil
}

// NormalPhone is the number in E.164: a plus sign, and digits that are a number
// of a country's plan.
func NormalPhone(phone string) (string, error) {
	if phone == "" {
		return "", nil
	}
	bad := fmt.Errorf("is no number in international form, such as +4915112345678")
	rest, plus := strings.CutPrefix(phone, "+")
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(rest)
	if !plus || len(rest) > maxPhone || strings.Map(onlyDigits, digits) != digits {
		return "", bad
	}
	number := "+" + digits
	n, err := phonenumbers.Parse(number, phonenumbers.UNKNOWN_REGION)
	// What was not E.164 is not guessed at, such as +49 (0) 351….
	if err != nil || !phonenumbers.IsValidNumber(n) || phonenumbers.Format(n, phonenumbers.E164) != number {
		return "", bad
	}
	return number, nil
}

// principal is the scope of the request's key. That of an account also says, in the
// commit that reserves, whose the reservation is (table reservation_account).
func (r Request) principal() string {
	if r.Account.IsZero() {
		return Guest
	}
	return "account:" + uuidText(r.Account)
}

// changer is the scope of a key that changes or pays something: it is another one than
// that of the account's reservations, because who changes one does not come to own it.
func changer(a id.Account) string {
	if a.IsZero() {
		return Guest
	}
	return "changes of account:" + uuidText(a)
}

func uuidText(a id.Account) string {
	u := a.UUID()
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
