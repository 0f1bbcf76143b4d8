package main

import (
	"context"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"time"

	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/httpapi"
	"github.com/openlot/openlot/cloud/internal/notify/email"
	"github.com/openlot/openlot/cloud/internal/notify/sms"
	"github.com/openlot/openlot/cloud/internal/web"
	"github.com/openlot/openlot/protocol/fault"
)

type serveCmd struct {
	common
	stripeFlags
	ReplicaURL      string        `name:"replica-url" help:"Read receipts from this read replica while it is less than 2 s behind." env:"OPENLOT_REPLICA_URL" placeholder:"URL"`
	HTTP            string        `help:"Address of the API and pages." default:"127.0.0.1:8080" env:"OPENLOT_HTTP" placeholder:"HOST:PORT"`
	Admin           string        `help:"Address of metrics and profiles." default:"127.0.0.1:8081" env:"OPENLOT_ADMIN" placeholder:"HOST:PORT"`
	MQTT            string        `help:"Address of the embedded broker." default:"127.0.0.1:1883" env:"OPENLOT_MQTT" placeholder:"HOST:PORT"`
	MQTTURL         string        `name:"mqtt-url" help:"Use this broker instead of the embedded one." env:"OPENLOT_MQTT_URL" placeholder:"tcp://USER:PASSWORD@HOST:PORT"`
	PublicURL       string        `help:"How drivers reach --http; it is in links. Default: http:// and its address." env:"OPENLOT_PUBLIC_URL" placeholder:"URL"`
	AndroidApp      []string      `help:"The app in Google's store that is this portal: its id and the SHA-256 of the certificate it is signed with." env:"OPENLOT_ANDROID_APP" placeholder:"org.example.park=AA:BB:…"`
	IOSApp          []string      `name:"ios-app" help:"The app in Apple's store that is this portal: the team's id and the bundle's." env:"OPENLOT_IOS_APP" placeholder:"TEAM123456.org.example.park"`
	AllowedOrigins  []string      `help:"Origins of a portal that is served from elsewhere, such as a CDN. Sessions need it to be of the same site as the API." env:"OPENLOT_ALLOWED_ORIGINS" placeholder:"https://portal.example.org"`
	PasskeyDomain   string        `help:"Domain of passkeys: the host of --public-url or one above it, such as one that a portal served from elsewhere shares. It must not change, or all passkeys are lost. Default: that host." env:"OPENLOT_PASSKEY_DOMAIN" placeholder:"example.org"`
	TrustedProxies  []string      `help:"Addresses or networks of balancers in front, whose X-Forwarded-For is believed when tries are counted. Default: nobody's." env:"OPENLOT_TRUSTED_PROXIES" placeholder:"10.1.0.0/16"`
	CallerRate      float64       `help:"Requests a second from one network (an address; of IPv6 a /64) to what costs the database something and is open to anybody, on this instance; five seconds' worth may come at once. 0: no limit." default:"20" env:"OPENLOT_CALLER_RATE"`
	CallerUnsecured float64       `help:"Payments an hour from one network that secure nothing (declined cards, and promises to pay at the machine), on this instance; an hour's worth may come at once. 0: no limit." default:"30" env:"OPENLOT_CALLER_UNSECURED"`
	Basemap         string        `help:"A PMTiles file (basemap of the Protomaps kind) for the portal's map, or the URL of one. Default: the portal draws its own ground." env:"OPENLOT_BASEMAP" placeholder:"FILE|URL"`
	Places          []string      `help:"Files of GeoNames for the portal's search: places (DE.txt, cities500.txt) and postcodes, as they are unpacked. Default: towns, streets and postcodes of the parkings alone." env:"OPENLOT_PLACES" placeholder:"FILE"`
	Rates           string        `help:"A file of what currencies are worth in each other, for approximate second prices: the ECB's eurofxref-daily.xml or eurofxref.csv, or JSON as /exchange-rates answers it. It is read again when it changes. Default: there are no second prices." env:"OPENLOT_RATES" placeholder:"FILE"`
	Drain           time.Duration `help:"How long to go on when told to stop: first a balancer may see that this instance is not ready, then streams are ended one after the other." default:"0s" env:"OPENLOT_DRAIN"`
	PaymentTimeout  time.Duration `help:"How long the payment provider may take to answer." default:"10s" env:"OPENLOT_PAYMENT_TIMEOUT"`
	SMTP            string        `help:"Mail relay. Default: the built-in inbox at /dev/mail." env:"OPENLOT_SMTP" placeholder:"HOST:PORT"`
	SMTPSecurity    string        `help:"starttls, tls or plain." default:"starttls" enum:"starttls,tls,plain" env:"OPENLOT_SMTP_SECURITY"`
	SMTPUser        string        `help:"User name at the relay." env:"OPENLOT_SMTP_USER"`
	SMTPPassword    string        `help:"Password at the relay; better in the environment." env:"OPENLOT_SMTP_PASSWORD"`
	MailFrom        string        `help:"Sender of mail." default:"Openlot <parking@openlot.example>" env:"OPENLOT_MAIL_FROM"`
	SMSAccount      string        `help:"Twilio account for SMS. Default: the built-in inbox at /dev/mail." env:"OPENLOT_SMS_ACCOUNT" placeholder:"AC…"`
	SMSToken        string        `help:"Token of that account; better in the environment." env:"OPENLOT_SMS_TOKEN"`
	SMSFrom         string        `help:"Sender of SMS: a number in E.164, a name of up to 11 letters, or the SID of a messaging service." env:"OPENLOT_SMS_FROM" placeholder:"+49…"`
	SMSURL          string        `name:"sms-url" help:"Where the provider's API is; another one that speaks Twilio's Messages API." default:"https://api.twilio.com" env:"OPENLOT_SMS_URL" placeholder:"URL"`
}

// pace reads how often something may be done per unit of time; units is how many units'
// worth may come at once.
func pace(flag string, often float64, unit time.Duration, units float64) (httpapi.Pace, error) {
	if often != 0 && !(often >= 1 && often <= 1_000_000) { // the negation finds what is no number
		return httpapi.Pace{}, fault.Newf(fault.Invalid, "pace_invalid", "%s is 0, for no limit, or 1 to 1,000,000.", flag)
	}
	return httpapi.Pace{PerSecond: often / unit.Seconds(), Burst: int(math.Ceil(often * units))}, nil
}

// Run implements kong's command.
func (c *serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	account, err := c.stripe()
	if err != nil {
		return err
	}
	requests, err := pace("--caller-rate", c.CallerRate, time.Second, 5)
	if err != nil {
		return err
	}
	unsecured, err := pace("--caller-unsecured", c.CallerUnsecured, time.Hour, 1)
	if err != nil {
		return err
	}
	apps, err := web.NewApps(c.AndroidApp, c.IOSApp)
	if err != nil {
		return err
	}
	cfg := app.Config{
		DataDir: c.DataDir, DatabaseURL: c.DatabaseURL, ReplicaURL: c.ReplicaURL, HTTP: c.HTTP, Admin: c.Admin, MQTT: c.MQTT, MQTTURL: c.MQTTURL,
		PublicURL: c.PublicURL, PaymentTimeout: c.PaymentTimeout, Drain: c.Drain, Stripe: account, Origins: c.AllowedOrigins, Apps: apps, TrustedProxies: c.TrustedProxies, Requests: requests, Unsecured: unsecured, PasskeyDomain: c.PasskeyDomain, Basemap: c.Basemap, Places: c.Places, Rates: c.Rates,
		Mail: email.Config{Addr: c.SMTP, From: c.MailFrom, Security: email.Security(c.SMTPSecurity), Username: c.SMTPUser, Password: c.SMTPPassword},
		SMS:  sms.Config{URL: c.SMSURL, Account: c.SMSAccount, Token: c.SMSToken, From: c.SMSFrom},
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(app.GCPercent)
	}
	return app.Serve(ctx, cfg, log, func(r app.Runtime) {
		log.Info("openlot is ready", "http", "http://"+r.HTTP, "admin", "http://"+r.Admin, "mqtt", r.MQTT)
	})
}
