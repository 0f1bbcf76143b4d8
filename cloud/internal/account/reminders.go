package account

// Reminders are the ways by which somebody wants to be told that his time ends soon.
type Reminders struct{ Mail, SMS bool }

// Reminded is by what the driver of a reservation is reminded: as he said for this one,
// else as its account says, else by both. It is a pure rule.
func Reminded(said *Reminders, of *Account) Reminders {
	switch {
	case said != nil:
		return *said
	case of != nil:
		return Reminders{Mail: of.RemindByMail, SMS: of.RemindBySMS}
	default:
		return Reminders{Mail: true, SMS: true}
	}
}
