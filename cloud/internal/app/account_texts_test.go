package app

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/locale"
)

// Every mail about an account has its words in each language, says when and what, and
// leads to a page; one that tells a change leads to where a stranger is put out.
func TestEveryAccountMailHasItsWords(t *testing.T) {
	told := []account.LinkKind{
		account.ToldPassword, account.ToldTOTPAdded, account.ToldTOTPRemoved, account.ToldRecovery, account.ToldPasskeyAdded, account.ToldPasskeyRemoved, account.ToldFactorsReset,
	}
	english := regexp.MustCompile(`(?i)\b(the|your|you|of|removed|added|changed|password)\b`)
	for _, language := range locale.Languages() {
		for _, kind := range append([]account.LinkKind{account.LinkVerify, account.LinkKnown, account.LinkReset, account.LinkInvite, account.LinkJoined, account.LinkRoleChanged, account.LinkRemoved}, told...) {
			text, known := accountTexts[language][kind]
			if !known {
				t.Fatalf("%s has no mail in %s", kind, language)
			}
			l := text.letter(&account.Link{Kind: kind, Email: "jana@posteo.example", Language: language, Detail: "Telefon", Operator: "Altstadt", Role: account.Owner, Who: "karin@altstadt.example", Created: time.Date(2026, 3, 5, 17, 4, 0, 0, time.UTC)}, "id", "https://p"+text.path)
			whole := strings.Join(append([]string{l.Subject, l.Heading[0], l.Heading[1], l.Button, l.Keep, l.Closing}, l.Says...), " ")
			if language == locale.German && english.MatchString(whole) {
				t.Errorf("%s: %q in %s", kind, english.FindString(whole), whole)
			}
			if strings.Contains(whole, "{") || l.Subject == "" || l.Button == "" || !strings.HasPrefix(text.path, "/#/") && !strings.HasPrefix(text.path, "/owner/") {
				t.Errorf("%s in %s: %+v", kind, language, l)
			}
			if strings.HasSuffix(string(kind), "_added") && kind == account.ToldPasskeyAdded && !strings.Contains(whole, "Telefon") {
				t.Errorf("%s in %s does not name the key: %s", kind, language, whole)
			}
		}
		for _, kind := range told {
			if text := accountTexts[language][kind]; text.path != atForgot || !strings.Contains(text.says[0], "{when}") {
				t.Errorf("%s in %s: %+v", kind, language, text)
			}
		}
	}
}
