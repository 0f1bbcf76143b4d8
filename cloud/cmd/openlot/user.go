package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/openlot/openlot/cloud/internal/account"
	"github.com/openlot/openlot/cloud/internal/app"
	"github.com/openlot/openlot/cloud/internal/postgres"
	"github.com/openlot/openlot/protocol/fault"
)

type userCmd struct {
	common
	Email    string `arg:"" help:"The address of an account, which was confirmed."`
	Role     string `help:"staff or owner of an operator, admin of the platform, or none." enum:",staff,owner,admin,none" default:""`
	Operator string `help:"The operator's name. Needed for staff and owner; with none, whose role is taken away (without: that of the platform)." placeholder:"NAME"`

	ResetSecondFactor bool `help:"Remove the authenticator, the recovery codes and all passkeys of somebody who has lost them, and end all sessions. Make sure who asks: a password is then enough to add others."`
}

// Run implements kong's command.
func (c *userCmd) Run(ctx context.Context, log *slog.Logger, out io.Writer) error {
	email, err := account.NormalEmail(c.Email)
	if err != nil {
		return fault.New(fault.Invalid, account.CodeInvalid, "That is no e-mail address.")
	}
	switch {
	case c.ResetSecondFactor && (c.Role != "" || c.Operator != ""):
		return fault.New(fault.Invalid, account.CodeInvalid, "Reset the second factor, or give a role: not both at once.")
	case c.ResetSecondFactor:
		return c.with(ctx, log, func(db *postgres.DB) error {
			accounts, err := app.Accounts(db, log)
			if err == nil {
				err = accounts.DropSecondFactor(ctx, email)
			}
			if err != nil {
				return err
			}
			var text strings.Builder
			fmt.Fprintf(&text, "%s: no authenticator, recovery codes or passkeys any more, and logged out everywhere; a mail says so\n", email)
			return write(out, &text)
		})
	case c.Role == "":
		return fault.New(fault.Invalid, account.CodeInvalid, "Say which with --role: staff, owner, admin or none.")
	}
	role := account.Role(c.Role)
	switch of := c.Operator != ""; {
	case role == account.Admin && of:
		return fault.New(fault.Invalid, account.CodeInvalid, "An administrator is one of the platform: leave --operator out.")
	case (role == account.Staff || role == account.Owner) && !of:
		return fault.New(fault.Invalid, account.CodeInvalid, "Say of which operator with --operator.")
	case c.Role == "none":
		role = ""
	}
	return c.with(ctx, log, func(db *postgres.DB) error {
		if err := postgres.NewAccounts(db, nil).Grant(ctx, email, role, c.Operator); err != nil {
			return err
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s: %s\n", email, strings.TrimSpace(c.Role+" "+c.Operator))
		return write(out, &text)
	})
}
