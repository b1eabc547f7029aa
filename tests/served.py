"""Graft under uvicorn in a thread of the test, and what stands between it and a client: a proxy that cuts connections,
and a light worker."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from django.db import connections

from finetune_app.asgi import application
from finetune_app.work.run_task import claim_next_task
from launcher.plan import HTTP
from workers.run_worker_task import run_worker_task

LOOPBACK = "127.0.0.1"
CHUNK = 16 * 1024


@contextmanager
def served() -> Iterator[str]:
    """The address of a real web process's application; the test needs `transactional_db`."""
    listener = socket.create_server((LOOPBACK, 0))
    server = uvicorn.Server(uvicorn.Config(application, http=HTTP, loop="uvloop", log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def light_worker() -> Iterator[None]:
    """Carries out what light workers do, as long as the block runs."""
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                if (found := claim_next_task("light@test")) is None:
                    stop.wait(0.05)
                else:
                    run_worker_task(found)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class CuttingProxy:
    """Passes bytes on to `address`; connection number n is cut after `limits[n]` bytes of the server's answers.

    `upward` cuts after so many bytes of the client's requests instead. Connections beyond the limits are left alone.
    """

    def __init__(self, address: str, limits: list[int], *, upward: bool = False) -> None:
        self._target = (LOOPBACK, int(address.rpartition(":")[2]))
        self._limits = list(limits)
        self._upward = upward
        self._listener = socket.create_server((LOOPBACK, 0))
        self.address = f"http://{LOOPBACK}:{self._listener.getsockname()[1]}"
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            limit = self._limits.pop(0) if self._limits else None
            up, down = (limit, None) if self._upward else (None, limit)
            for source, target, most in ((client, server, up), (server, client, down)):
                threading.Thread(target=self._pass_on, args=(source, target, most), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, most: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                if most is not None and passed + len(chunk) > most:
                    target.sendall(chunk[: most - passed])
                    self.cuts += 1
                    break
                target.sendall(chunk)
                passed += len(chunk)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
