package app

import (
	"strings"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/locale"
	"github.com/openlot/openlot/cloud/internal/notify"
)

// accountText is what a mail about an account says.
type accountText struct {
	subject string
	heading [2]string
	says    []string // {when}, {detail}, {operator}, {role} and {who} are put in, also above
	button  string
	path    string // of the portal, behind the #, so that no server or proxy sees a token
	keep    string
}

// Where the mails lead. A path that ends in = gets the link's token.
const (
	atVerify = "/#/verify?token="
	atReset  = "/#/reset?token="
	atLogin  = "/#/login"
	atForgot = "/#/forgot"
	atJoin   = "/owner/#/join?token="
	atTeam   = "/owner/#/team"
	atOwners = "/owner/"
)

func (t accountText) letter(l *account.Link, id, url string) notify.Letter {
	read := locale.Reader{Language: l.Language}
	detail := l.Detail
	if detail == "" {
		detail = read.Either("without a name", "ohne Namen")
	}
	when := read.Date(l.Created) + ", " + read.Hour(l.Created) + " UTC"
	put := strings.NewReplacer("{when}", when, "{detail}", detail, "{operator}", l.Operator, "{role}", roleNames[l.Language][l.Role], "{who}", l.Who)
	out := notify.Letter{
		ID: id, To: l.Email, Read: read, Subject: put.Replace(t.subject), Heading: [2]string{put.Replace(t.heading[0]), put.Replace(t.heading[1])}, Button: t.button, URL: url, Keep: t.keep,
		Closing: read.Either("Sent to "+l.Email+" because of an account with Openlot.", "An "+l.Email+" geschickt, wegen eines Kontos bei Openlot."),
	}
	for _, s := range t.says {
		out.Says = append(out.Says, put.Replace(s))
	}
	return out
}

// roleNames are what roles are called in mails.
var roleNames = map[string]map[account.Role]string{
	locale.English: {account.Staff: "staff", account.Owner: "owner"},
	locale.German:  {account.Staff: "Personal", account.Owner: "Inhaber"},
}

// changed is a mail that tells what has changed of the ways in.
func changed(subject string, heading [2]string, what string) accountText {
	return accountText{
		subject: subject, heading: heading, button: "Set a new password", path: atForgot,
		says: []string{what, "If it was you, there is nothing to do.", "If it was not: set a new password now. That logs everybody out. Then look at the authenticator and the passkeys of your account."},
	}
}

func changedInGerman(subject string, heading [2]string, what string) accountText {
	return accountText{
		subject: subject, heading: heading, button: "Neues Passwort setzen", path: atForgot,
		says: []string{what, "Waren Sie es, ist nichts zu tun.", "Waren Sie es nicht: Setzen Sie jetzt ein neues Passwort. Das meldet alle ab. Sehen Sie danach nach der Authenticator-App und den Passkeys Ihres Kontos."},
	}
}

// accountTexts are the mails by language and kind.
var accountTexts = map[string]map[account.LinkKind]accountText{
	locale.English: {
		account.LinkVerify: {
			"Confirm your address",
			[2]string{"Confirm your address", "and choose a password."},
			[]string{"Somebody, hopefully you, is making an Openlot account with this address.", "If it was not you, do nothing: then there is no account."},
			"Confirm and choose a password", atVerify, "The link is good for a day, once.",
		},
		account.LinkKnown: {
			"You have an account already",
			[2]string{"You have an account", "already."},
			[]string{"Somebody, hopefully you, wanted to make an Openlot account with this address. There is one already, and nothing was changed.", "If you do not know your password any more, ask for a new one there."},
			"Log in", atLogin, "",
		},
		account.LinkReset: {
			"Set a new password",
			[2]string{"Set a new password", "for your account."},
			[]string{"Somebody, hopefully you, wants to set a new password for your Openlot account. Setting it logs you out everywhere else.", "If it was not you, do nothing: then all stays as it is."},
			"Set a new password", atReset, "The link is good for an hour, once.",
		},
		account.LinkInvite: {
			"Work with {operator} on Openlot",
			[2]string{"You are invited", "to work with {operator}."},
			[]string{"{who} invites you to work for {operator} on Openlot, as {role}.", "If you do not know what this is about, do nothing."},
			"Accept", atJoin, "The link is good for a week, once, and for this address alone.",
		},
		account.LinkJoined: {
			"{who} works for {operator} now",
			[2]string{"Somebody has joined", "{operator}."},
			[]string{"{who} has accepted the invitation and works for {operator}, as {role}."},
			"The team", atTeam, "",
		},
		account.LinkRoleChanged: {
			"Your role with {operator} has changed",
			[2]string{"Your role has changed", "with {operator}."},
			[]string{"{who} has changed your role with {operator}. It is now: {role}."},
			"To the dashboard", atOwners, "",
		},
		account.LinkRemoved: {
			"You do not work for {operator} any more",
			[2]string{"You do not work", "for {operator} any more."},
			[]string{"{who} has taken away your role with {operator} on Openlot. Your account stays as it is."},
			"Log in", atLogin, "",
		},
		account.ToldPassword:       changed("Your password was changed", [2]string{"Your password", "was changed."}, "On {when} the password of your Openlot account was changed. All other devices were logged out."),
		account.ToldTOTPAdded:      changed("An authenticator was added", [2]string{"An authenticator", "was added."}, "On {when} an authenticator was added to your Openlot account. Logging in with the password needs its code from now on."),
		account.ToldTOTPRemoved:    changed("The authenticator was removed", [2]string{"The authenticator", "was removed."}, "On {when} the authenticator and the recovery codes of your Openlot account were removed. The password alone is enough from now on."),
		account.ToldRecovery:       changed("There are new recovery codes", [2]string{"There are new", "recovery codes."}, "On {when} new recovery codes were made for your Openlot account. The old ones are not good any more."),
		account.ToldPasskeyAdded:   changed("A passkey was added", [2]string{"A passkey", "was added."}, "On {when} a passkey was added to your Openlot account: {detail}. It logs in without the password."),
		account.ToldPasskeyRemoved: changed("A passkey was removed", [2]string{"A passkey", "was removed."}, "On {when} a passkey of your Openlot account was removed: {detail}. It does not log in any more."),
		account.ToldFactorsReset: changed("Your second factor was reset", [2]string{"Your second factor", "was reset."},
			"On {when} the operator of this server removed the authenticator, the recovery codes and all passkeys of your Openlot account, and logged it out everywhere. The password alone is enough until you add others."),
	},
	locale.German: {
		account.LinkVerify: {
			"Adresse bestätigen",
			[2]string{"Bestätigen Sie Ihre Adresse", "und wählen Sie ein Passwort."},
			[]string{"Jemand, hoffentlich Sie, legt mit dieser Adresse ein Konto bei Openlot an.", "Waren Sie es nicht, ist nichts zu tun: Dann gibt es kein Konto."},
			"Bestätigen und Passwort wählen", atVerify, "Der Link gilt einen Tag und einmal.",
		},
		account.LinkKnown: {
			"Sie haben schon ein Konto",
			[2]string{"Sie haben schon", "ein Konto."},
			[]string{"Jemand, hoffentlich Sie, wollte mit dieser Adresse ein Konto bei Openlot anlegen. Es gibt schon eines; geändert wurde nichts.", "Ist das Passwort vergessen, lässt sich dort ein neues anfordern."},
			"Anmelden", atLogin, "",
		},
		account.LinkReset: {
			"Neues Passwort setzen",
			[2]string{"Setzen Sie ein neues Passwort", "für Ihr Konto."},
			[]string{"Jemand, hoffentlich Sie, möchte für Ihr Konto bei Openlot ein neues Passwort setzen. Damit werden Sie überall sonst abgemeldet.", "Waren Sie es nicht, ist nichts zu tun: Dann bleibt alles, wie es ist."},
			"Neues Passwort setzen", atReset, "Der Link gilt eine Stunde und einmal.",
		},
		account.LinkInvite: {
			"Mitarbeit bei {operator} auf Openlot",
			[2]string{"Sie sind eingeladen,", "bei {operator} zu arbeiten."},
			[]string{"{who} lädt Sie ein, auf Openlot für {operator} zu arbeiten. Rolle: {role}.", "Wissen Sie nicht, worum es geht, ist nichts zu tun."},
			"Annehmen", atJoin, "Der Link gilt eine Woche, einmal und nur für diese Adresse.",
		},
		account.LinkJoined: {
			"{who} arbeitet jetzt für {operator}",
			[2]string{"Jemand arbeitet jetzt", "für {operator}."},
			[]string{"{who} hat die Einladung angenommen und arbeitet für {operator}. Rolle: {role}."},
			"Zum Team", atTeam, "",
		},
		account.LinkRoleChanged: {
			"Ihre Rolle bei {operator} ist jetzt eine andere",
			[2]string{"Ihre Rolle bei {operator}", "ist jetzt eine andere."},
			[]string{"{who} hat Ihre Rolle bei {operator} geändert. Sie ist jetzt: {role}."},
			"Zur Übersicht", atOwners, "",
		},
		account.LinkRemoved: {
			"Sie arbeiten nicht mehr für {operator}",
			[2]string{"Sie arbeiten nicht mehr", "für {operator}."},
			[]string{"{who} hat Ihnen die Rolle bei {operator} auf Openlot genommen. Ihr Konto bleibt, wie es ist."},
			"Anmelden", atLogin, "",
		},
		account.ToldPassword:       changedInGerman("Ihr Passwort wurde geändert", [2]string{"Ihr Passwort", "wurde geändert."}, "Am {when} wurde das Passwort Ihres Kontos bei Openlot geändert. Alle anderen Geräte wurden abgemeldet."),
		account.ToldTOTPAdded:      changedInGerman("Eine Authenticator-App kam dazu", [2]string{"Eine Authenticator-App", "kam dazu."}, "Am {when} kam eine Authenticator-App zu Ihrem Konto bei Openlot. Die Anmeldung mit dem Passwort braucht von jetzt an ihren Code."),
		account.ToldTOTPRemoved:    changedInGerman("Die Authenticator-App wurde entfernt", [2]string{"Die Authenticator-App", "wurde entfernt."}, "Am {when} wurden die Authenticator-App und die Wiederherstellungscodes Ihres Kontos bei Openlot entfernt. Von jetzt an reicht das Passwort."),
		account.ToldRecovery:       changedInGerman("Es gibt neue Wiederherstellungscodes", [2]string{"Es gibt neue", "Wiederherstellungscodes."}, "Am {when} wurden für Ihr Konto bei Openlot neue Wiederherstellungscodes erzeugt. Die alten gelten nicht mehr."),
		account.ToldPasskeyAdded:   changedInGerman("Ein Passkey kam dazu", [2]string{"Ein Passkey", "kam dazu."}, "Am {when} kam ein Passkey zu Ihrem Konto bei Openlot: {detail}. Er meldet ohne Passwort an."),
		account.ToldPasskeyRemoved: changedInGerman("Ein Passkey wurde entfernt", [2]string{"Ein Passkey", "wurde entfernt."}, "Am {when} wurde ein Passkey Ihres Kontos bei Openlot entfernt: {detail}. Er meldet nicht mehr an."),
		account.ToldFactorsReset: changedInGerman("Ihr zweiter Faktor wurde zurückgesetzt", [2]string{"Ihr zweiter Faktor", "wurde zurückgesetzt."},
			"Am {when} hat der Betreiber dieses Servers die Authenticator-App, die Wiederherstellungscodes und alle Passkeys Ihres Kontos bei Openlot entfernt und es überall abgemeldet. Bis Sie neue hinzufügen, reicht das Passwort."),
	},
}
