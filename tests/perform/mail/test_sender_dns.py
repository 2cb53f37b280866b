"""What `doctor` says of the sender's domain, asked of a real name server on this machine."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatekeeper.perform.mail.dkim import Signer
from gatekeeper.perform.mail.sender_dns import Finding, Sign, examine, open_dns
from tests.kit.dns import NameServer
from tests.kit.ports import free_ports
from tests.kit.running import Installation

SPF, DMARC = "v=spf1 mx ~all", "v=DMARC1; p=none"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    file = tmp_path_factory.mktemp("keys") / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", file, "2048"], check=True, capture_output=True)
    return Signer(domain="mail.acme.example", selector="gk1", key_file=file)


def found(
    records: dict[str, list[str] | None], *, domain: str = "acme.example", envelope: str = "", signer: Signer | None = None
) -> dict[str, Finding]:
    with NameServer(records) as server:
        ask = open_dns(server.address)
        return {one.about: one for one in examine(domain=domain, envelope_domain=envelope or domain, signer=signer, ask=ask)}


@pytest.mark.parametrize(
    ("records", "sign", "says"),
    [
        ({}, Sign.MISSING, "add a TXT record at acme.example, such as"),
        ({"acme.example": ["hello", "v=spf10 x"]}, Sign.MISSING, "add a TXT record at acme.example"),
        ({"acme.example": [SPF, "google-site-verification=1"]}, Sign.FOUND, SPF),
        ({"acme.example": [SPF, "v=spf1 -all"]}, Sign.MISSING, "has 2 SPF records"),
        ({"acme.example": ["v=spf1 -all"]}, Sign.MISSING, "says that nobody may send for it"),
        ({"acme.example": ["v=spf1 mx +all"]}, Sign.MISSING, "lets everybody send for it"),
        ({"acme.example": None}, Sign.UNKNOWN, "DNS could not be asked"),
    ],
)
def test_spf(records: dict[str, list[str] | None], sign: Sign, says: str) -> None:
    said = found(records)["SPF"]
    assert said.sign is sign
    assert says in said.what


@pytest.mark.parametrize(
    ("records", "sign", "says"),
    [
        ({}, Sign.MISSING, "add a TXT record at _dmarc.mail.acme.example"),
        ({"_dmarc.mail.acme.example": [DMARC]}, Sign.FOUND, "_dmarc.mail.acme.example: v=DMARC1"),
        ({"_dmarc.acme.example": [DMARC]}, Sign.FOUND, "_dmarc.acme.example: v=DMARC1"),
        ({"_dmarc.acme.example": [DMARC, "v=DMARC1; p=reject"]}, Sign.MISSING, "has 2 DMARC records"),
        ({"_dmarc.acme.example": ["v=DMARC1; rua=mailto:x@acme.example"]}, Sign.MISSING, "has no p=none"),
    ],
)
def test_dmarc(records: dict[str, list[str] | None], sign: Sign, says: str) -> None:
    said = found(records, domain="mail.acme.example")["DMARC"]
    assert said.sign is sign
    assert says in said.what


def test_bounces_to_another_domain_leave_dmarc_to_a_signature() -> None:
    records: dict[str, list[str] | None] = {"bounces.example": [SPF], "_dmarc.acme.example": [DMARC]}
    said = found(records, envelope="bounces.example")
    assert said["SPF"].sign is Sign.FOUND
    assert said["DMARC"].sign is Sign.UNKNOWN
    assert "bounces go to bounces.example" in said["DMARC"].what


@pytest.mark.peer("openssl")
def test_dkim(signer: Signer) -> None:
    assert found({})["DKIM"].sign is Sign.NOTE
    other = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ"
    for records, sign, says in (
        ([], Sign.MISSING, f'a TXT record at gk1._domainkey.mail.acme.example with "{signer.record}"'),
        ([signer.record], Sign.FOUND, "holds the key"),
        ([signer.record.replace("; ", ";")], Sign.FOUND, "holds the key"),
        ([other], Sign.MISSING, "holds another key than mail.dkim_key_file"),
        (["v=DKIM1; p="], Sign.MISSING, "holds another key"),
        ([f"{signer.record}; t=s:y"], Sign.MISSING, "says t=y"),
    ):
        said = found({signer.name: records}, signer=signer)["DKIM"]
        assert said.sign is sign
        assert says in said.what


def test_doctor_says_what_is_missing_and_that_it_could_not_ask(tmp_path: Path) -> None:
    made = Installation(tmp_path, "http://127.0.0.1:9", "file:mail", datetime(2026, 3, 2, tzinfo=UTC))
    with NameServer({"acme.example": [SPF], "_dmarc.acme.example": [DMARC]}) as server:
        said = made.command("doctor", "--dns", f"127.0.0.1:{server.address[1]}")
        assert "SPF    found" in said
        assert set(server.asked) == {"acme.example", "_dmarc.acme.example"}
    with NameServer({}) as server:
        said = made.command("doctor", "--dns", f"127.0.0.1:{server.address[1]}", code=1)
        assert 'add a TXT record at _dmarc.acme.example, such as "v=DMARC1;' in said
    (port,) = free_ports(1)
    assert made.json("doctor", "--dns", f"127.0.0.1:{port}")[0]["sign"] == "unknown"
    assert "is no IP address" in made.command("doctor", "--dns", "dns.example", code=2)
