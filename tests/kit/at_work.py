"""A server of the standard library, at work beside a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer


@contextmanager
def at_work(server: ThreadingHTTPServer) -> Iterator[str]:
    """Serves in a thread of its own until the block ends; gives its address, without a slash at the end."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
