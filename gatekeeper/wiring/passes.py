"""Passes of the staff: signed by the command `staff-pass`, believed by the gate (case 106)."""

from datetime import UTC, datetime
from typing import NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from gatekeeper.gate.staff import Holder
from gatekeeper.wiring.clock import Clock


class Pass(NamedTuple):
    """To whom it was given, and until when it holds; whole seconds are kept."""

    name: str
    until_at: datetime

    def signed(self, signer: URLSafeSerializer) -> str:
        return str(signer.dumps({"name": self.name, "until": int(self.until_at.timestamp())}))


def holder(signer: URLSafeSerializer, clock: Clock) -> Holder:
    """Tells who holds a pass, by this signer's key."""

    def staff_of(shown: bytes) -> str | None:
        try:
            found = signer.loads(shown)
        except BadData:
            return None
        held = Pass(found["name"], datetime.fromtimestamp(found["until"], UTC))
        return held.name if clock() < held.until_at else None

    return staff_of
