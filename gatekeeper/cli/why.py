"""`why`: the answer that a colleague would give."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatekeeper.cli.opening import as_json, opened
from gatekeeper.model import Facts, Verdict

if TYPE_CHECKING:
    from gatekeeper.ledger.reader import AccountRow
    from gatekeeper.wiring.house import House

_COLUMNS = 100


@click.command()
@click.argument("account")
@click.option("--language", help="In which language, as `pt-BR`; `account`: in the account's own. Else in the product's.")
@click.option("--json", "json_wanted", is_flag=True, help="As JSON.")
@click.pass_obj
def why(config: Path | None, *, account: str, language: str | None, json_wanted: bool) -> None:
    """Why an account stands as it does, what happens next and when, and what would change it."""
    from gatekeeper.ledger.writer.desk import NoSuchAccount
    from gatekeeper.policy.explain import REMEDIES

    with opened(config) as house:
        row = house.reader.account(account)
        if row is None:
            raise NoSuchAccount(account)
        (facts,) = house.reader.facts([account])
        verdict = _verdict_now(house, row, facts)
        wanted = (row.locale if language == "account" else language) or house.settings.product.locale
        name = f"{row.name} ({row.id})" if row.name and row.name != row.id else row.id
        zone = house.policies.rules_for(facts).time_zone
        answer = house.wording.answer(name, row.standing, row.standing_since_at, verdict, zone=zone, locale=wanted)
        if not json_wanted:
            print("\n\n".join(textwrap.fill(text, _COLUMNS) for text in answer))
            return
        as_json(
            {
                "account": row.id,
                "name": row.name,
                "standing": row.standing,
                "standing_since_at": row.standing_since_at,
                "answer": list(answer),
                "reasons": [house.wording.sentence(reason, wanted) for reason in verdict.reasons],
                "codes": [reason.code for reason in verdict.reasons],
                "next_standing": verdict.standing,
                "next_look_at": verdict.review_at,
                "remedies": list(REMEDIES[row.standing]),
                "policy": verdict.policy,
                "segment": verdict.segment,
            }
        )


def _verdict_now(house: "House", row: "AccountRow", facts: Facts) -> Verdict:
    """What the next look will say, from what is in the ledger at this moment.

    A closing is not for a command to foretell: it takes a reading of the billing system and the brake. Until it is carried out,
    and of an account that cannot be judged, the last look has the answer.
    """
    from gatekeeper.policy.clocks import decide_in_its_time
    from gatekeeper.policy.withhold import closes, withhold

    last = Verdict(standing=row.standing, reasons=row.reasons, review_at=row.review_at)
    if any(reason.code == "undecided" for reason in row.reasons):
        return last
    verdict = decide_in_its_time(facts, house.policies.rules_for(facts), house.clock())
    if closes(row.standing, verdict.standing) or verdict.read_first:
        return last
    why_not = house.withheld()
    return verdict if why_not is None else withhold(verdict, facts, why_not)


COMMANDS = (why,)
