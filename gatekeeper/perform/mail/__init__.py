"""Letters and the ways to deliver them: `letter` composes one, `transport` opens the way that a mail URL names."""

from gatekeeper.perform.mail.letter import Letter, LetterRefused, compose
from gatekeeper.perform.mail.transport import MailUrlInvalid, Transport, open_transport, parse_mail_url

__all__ = ["Letter", "LetterRefused", "MailUrlInvalid", "Transport", "compose", "open_transport", "parse_mail_url"]
