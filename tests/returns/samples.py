"""Messages as mail servers send them back, shaped as theirs are; every name in them is invented."""

from textwrap import dedent

DOMAIN = "acme.example"
UNIQUE = "0123456789abcdef0123456789abcdef"
MESSAGE_ID = f"<gk-{UNIQUE}@{DOMAIN}>"
TO = "accountant@customer.example"
SECRET = b"a secret of the installation"


def message(text: str, **fields: str) -> bytes:
    """The text without its indentation, `{to}` and `{id}` and these fields filled in, with the line ends of the wire."""
    written = dedent(text).lstrip("\n")
    for name, value in {"to": TO, "id": MESSAGE_ID, **fields}.items():
        written = written.replace("{" + name + "}", value)
    return written.replace("\n", "\r\n").encode()


REPORT = """
    Return-Path: <>
    From: MAILER-DAEMON@mx.acme.example (Mail Delivery System)
    To: bounces@acme.example
    Subject: Undelivered Mail Returned to Sender
    Auto-Submitted: auto-replied
    MIME-Version: 1.0
    Content-Type: multipart/report; report-type=delivery-status; boundary="B"
    Message-Id: <20261122101010.AA@mx.acme.example>

    This is a MIME-encapsulated message.

    --B
    Content-Description: Notification
    Content-Type: text/plain; charset=us-ascii

    I'm sorry to have to inform you that your message could not be delivered.

    --B
    Content-Description: Delivery report
    Content-Type: message/delivery-status

    Reporting-MTA: dns; mx.acme.example
    X-Postfix-Queue-ID: ABC
    Arrival-Date: Sun, 22 Nov 2026 00:00:00 +0000

    {blocks}

    --B
    Content-Description: Undelivered Message
    Content-Type: message/rfc822

    Return-Path: <bounces@acme.example>
    From: Acme Billing <billing@acme.example>
    To: {to}
    Subject: Payment reminder
    Message-ID: {id}

    Hello
    --B--
    """


def block(action: str, status: str, said: str = "smtp; 550 5.1.1 User unknown", to: str = TO) -> str:
    return "\n".join(
        [
            f"Final-Recipient: rfc822; {to}",
            f"Original-Recipient: rfc822;{to}",
            f"Action: {action}",
            f"Status: {status}",
            "Remote-MTA: dns; mx.customer.example",
            f"Diagnostic-Code: {said}",
        ]
    )


def report(*blocks: str, **fields: str) -> bytes:
    """A report of Postfix, with these blocks of recipients."""
    return message(dedent(REPORT), blocks="\n\n".join(blocks), **fields)


POSTFIX = report(block("failed", "5.1.1", "smtp; 550 5.1.1 <accountant@customer.example>: User unknown"))

EXCHANGE = message("""
    From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@customer.example>
    To: <bounces@acme.example>
    Date: Sun, 22 Nov 2026 10:10:10 +0000
    Content-Type: multipart/report; report-type=delivery-status;
    \tboundary="_000_X"
    X-MS-Exchange-Message-Is-Ndr:
    Content-Language: en-US
    Message-ID: <ffffffff@customer.example>
    In-Reply-To: {id}
    References: {id}
    Subject: Undeliverable: Payment reminder
    Auto-Submitted: auto-replied
    MIME-Version: 1.0

    --_000_X
    Content-Type: multipart/alternative; boundary="_001_Y"

    --_001_Y
    Content-Type: text/html; charset="utf-8"
    Content-Transfer-Encoding: quoted-printable

    <html><body>Your message couldn't be delivered.</body></html>
    --_001_Y--

    --_000_X
    Content-Type: message/delivery-status

    Reporting-MTA: dns;MX01.customer.example
    Received-From-MTA: dns;mail.acme.example
    Arrival-Date: Sun, 22 Nov 2026 10:10:09 +0000

    Original-Recipient: rfc822;Accountant@Customer.Example
    Final-Recipient: rfc822;Accountant@Customer.Example
    Action: failed
    Status: 5.1.10
    Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found

    --_000_X
    Content-Type: message/rfc822

    From: Acme Billing <billing@acme.example>
    To: <{to}>
    Message-ID:
     {id}

    Hello
    --_000_X--
    """)

GMAIL = message("""
    Return-Path: <>
    From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
    To: bounces@acme.example
    Auto-Submitted: auto-replied
    Subject: Delivery Status Notification (Failure)
    References: {id}
    In-Reply-To: {id}
    X-Failed-Recipients: {to}
    Message-ID: <6921.google@mx.google.com>
    MIME-Version: 1.0
    Content-Type: multipart/report; boundary="0001"; report-type=delivery-status

    --0001
    Content-Type: multipart/related; boundary="0002"

    --0002
    Content-Type: text/plain; charset="UTF-8"

    ** Address not found **
    --0002
    Content-Type: image/png; name="icon.png"
    Content-Transfer-Encoding: base64

    iVBORw0KGgo=
    --0002--
    --0001
    Content-Type: message/delivery-status

    Reporting-MTA: dns; googlemail.com
    Received-From-MTA: dns; billing@acme.example
    Arrival-Date: Sun, 22 Nov 2026 02:10:10 -0800 (PST)
    X-Original-Message-ID: {id}

    Final-Recipient: rfc822; {to}
    Action: failed
    Status: 5.1.1
    Remote-MTA: dns; mx.customer.example. (192.0.2.1, the server for the domain.)
    Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.
    Last-Attempt-Date: Sun, 22 Nov 2026 02:10:11 -0800 (PST)

    --0001
    Content-Type: message/rfc822

    From: Acme Billing <billing@acme.example>

    ----- Message truncated -----
    --0001--
    """)

QMAIL = message("""
    Return-Path: <>
    Date: 22 Nov 2026 10:10:10 -0000
    From: MAILER-DAEMON@mx.customer.example
    To: bounces@acme.example
    Subject: failure notice

    Hi. This is the qmail-send program at mx.customer.example.
    I'm afraid I wasn't able to deliver your message to the following addresses.
    This is a permanent error; I've given up. Sorry it didn't work out.

    <{to}>:
    Sorry, no mailbox here by that name. (#5.1.1)

    --- Below this line is a copy of the message.

    Return-Path: <bounces@acme.example>
    From: Acme Billing <billing@acme.example>
    Message-ID: {id}

    Hello
    """)

EXIM = message("""
    Return-path: <>
    X-Failed-Recipients: {to}
    Auto-Submitted: auto-replied
    From: Mail Delivery System <Mailer-Daemon@mx.customer.example>
    To: bounces@acme.example
    Subject: Mail delivery failed: returning message to sender
    Message-Id: <E1abc-0001@mx.customer.example>

    This message was created automatically by mail delivery software.

    A message that you sent could not be delivered to one or more of its
    recipients. This is a permanent error. The following address(es) failed:

      {to}
        Unrouteable address

    ------ This is a copy of the message, including all the headers. ------

    Return-path: <bounces@acme.example>
    Message-ID: {id}
    From: Acme Billing <billing@acme.example>

    Hello
    """)

COMPLAINT = message(
    """
    From: <abusedesk@isp.example>
    To: <bounces@acme.example>
    Subject: FW: Payment reminder
    MIME-Version: 1.0
    Content-Type: multipart/report; report-type=feedback-report; boundary="F"

    --F
    Content-Type: text/plain; charset="US-ASCII"

    This is an email abuse report.
    --F
    Content-Type: message/feedback-report

    Feedback-Type: {kind}
    User-Agent: SomeGenerator/1.0
    Version: 1
    Original-Mail-From: <bounces@acme.example>
    Original-Rcpt-To: <{to}>

    --F
    Content-Type: message/rfc822

    From: Acme Billing <billing@acme.example>
    Message-ID: {id}

    Hello
    --F--
    """,
    kind="abuse",
)

HOLIDAY = message("""
    Return-Path: <>
    From: Ana Accountant <{to}>
    To: bounces@acme.example
    Subject: Out of office: Payment reminder
    Auto-Submitted: auto-replied (vacation)
    In-Reply-To: {id}

    I am away, and user unknown to my inbox until January. Mail to boss@customer.example.

    > Message-ID: {id}
    """)
