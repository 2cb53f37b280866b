"""What a reconcile costs: 100,000 open invoices, each of a customer of its own, read by the bare SDK and by us.

Prints the seconds of each, and ours as a ratio to the SDK's paging through the same list (`auto_paging_iter`, same expansion):
our first reconcile, which writes everything, and a steady one, which finds nothing changed. The list is served from memory by
another process; gatekeeper's pause between requests is off. SQLite, on disk. Run: python bench/reconcile.py [INVOICES]
"""

import asyncio
import json
import multiprocessing
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import stripe

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.pace import unhurried
from gatekeeper.billing.stripe.words import Mapper
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.demo.standin.server import KEYS
from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.migrate import migrate
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer import open_writer
from gatekeeper.logs import set_up
from gatekeeper.model import Audience
from gatekeeper.sync import Sync

PAGE = 100
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
KEY = KEYS[1]
MAPPER = Mapper(
    account_id_from="metadata.account_id", contacts_from={Audience.ACCOUNTANT: "email", Audience.USER: "metadata.user_email"}
)
_STATUS = re.compile(rb"[?&]status=(\w+)")
_BEHIND = re.compile(rb"starting_after=in_(\d+)")


def template() -> tuple[str, str]:
    """An open invoice with its customer as our stand-in shows it, with `NUMBER` where invoices differ; and its account."""
    with Standin(lambda: START) as standin, httpx.Client(trust_env=False) as client:
        people = {"account_id": "accountNUMBER", "user_email": "userNUMBER@customer.example"}
        customer = standin.books.create_customer(
            name="Customer NUMBER", email="accountantNUMBER@customer.example", metadata=people
        )
        draft = standin.books.create_invoice(customer.id, collection_method="send_invoice", days_until_due=14)
        standin.books.add_line(draft.id, 4900)
        standin.books.finalize(draft.id)

        def ask(path: str) -> str:
            return client.get(f"{standin.url}/v1/{path}", headers={"Authorization": f"Bearer {KEY}"}).text

        shown = json.dumps(json.loads(ask("invoices?status=open&expand[]=data.customer"))["data"][0])
        return shown.replace(draft.id, "in_NUMBER").replace(customer.id, "cus_NUMBER"), ask("account")


def pages(many: int) -> tuple[list[bytes], bytes, bytes]:
    """The answers: each page of the list, the account, and a list of nothing."""
    one, account = template()

    def answer(document: str) -> bytes:
        body = document.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def listed(numbers: range, *, more: bool) -> bytes:
        data = ",".join(one.replace("NUMBER", f"{number:09}") for number in numbers)
        return answer(f'{{"object":"list","url":"/v1/invoices","has_more":{str(more).lower()},"data":[{data}]}}')

    starts = range(0, many, PAGE)
    whole = [listed(range(start, min(start + PAGE, many)), more=start + PAGE < many) for start in starts]
    return whole, answer(account), answer('{"object":"list","url":"/v1/none","has_more":false,"data":[]}')


def serve(many: int, ready: Connection) -> None:
    whole, account, nothing = pages(many)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            line = head.partition(b"\r\n")[0]
            status, behind = _STATUS.search(line), _BEHIND.search(line)
            if b"/v1/account " in line:
                writer.write(account)
            elif status is None or status[1] != b"open":
                writer.write(nothing)
            else:
                writer.write(whole[(int(behind[1]) + 1) // PAGE if behind else 0])
            await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def page_with_sdk(url: str, many: int) -> None:
    client = stripe.StripeClient(KEY, base_addresses={"api": url})
    params = {"status": "open", "limit": PAGE, "expand": ["data.customer"]}
    assert sum(1 for _ in client.v1.invoices.list(params).auto_paging_iter()) == many


def measure(url: str, many: int, folder: Path) -> None:
    bare = seconds(lambda: page_with_sdk(url, many))
    print(f"{many:,} open invoices\nthe bare SDK       {bare:7.1f} s")
    engine = open_engine(f"sqlite:///{folder}/ledger.db")
    migrate(engine)
    reader, now = Reader(engine), [START]
    with httpx.Client(timeout=30, trust_env=False) as client:
        source = StripeBooks(api_key=KEY, api_base=url, mapper=MAPPER, client=client, clock=lambda: now[0], pace=unhurried())
        sync = Sync(source, reader, open_writer(engine, message_domain="bench.example"), lambda: now[0])
        for name in ("our first", "a steady one"):
            taken = seconds(lambda: print(end="") if sync.reconcile() == 0 else sys.exit("invoices were read singly"))
            print(f"{name:<18} {taken:7.1f} s   ratio {taken / bare:.2f} (at most 1.3)")
            now[0] += timedelta(minutes=10)
    assert reader.state().watched_since_at == START
    engine.dispose()
    print(f"peak memory        {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MB")


def main() -> None:
    set_up("error", "json")
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(many, theirs), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        measure(f"http://127.0.0.1:{ours.recv()}", many, Path(folder))
    server.terminate()


if __name__ == "__main__":
    main()
