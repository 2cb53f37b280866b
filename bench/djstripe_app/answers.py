"""Stripe's answers from memory: asks the API at the address given once for each path, and answers from then on at once.

python answers.py PORT URL
"""

import asyncio
import sys
import urllib.request


class Answering(asyncio.Protocol):
    def __init__(self, api: str, kept: dict[bytes, bytes]) -> None:
        self._api, self._kept, self._come = api, kept, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A request without a body: the SDK only reads here."""
        self._come += data
        while b"\r\n\r\n" in self._come:
            head, _, self._come = self._come.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1]
            if target not in self._kept:
                self._kept[target] = self._ask(target, head)
            self._transport.write(self._kept[target])

    def _ask(self, target: bytes, head: bytes) -> bytes:
        lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
        headers = {name: value for name, _, value in lines if name.lower() == "stripe-version"}
        headers["Authorization"] = "Bearer sk_test_standin"  # dj-stripe takes only keys of Stripe's own length
        request = urllib.request.Request(self._api + target.decode(), headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def main(port: int, api: str) -> None:
    kept: dict[bytes, bytes] = {}
    server = await asyncio.get_running_loop().create_server(lambda: Answering(api, kept), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
