"""The warm process: imports once, then forks a child for each order until its standard input closes.

It computes nothing and starts no thread, so its memory stays what it was after the imports, and a child that crashes,
is killed or runs out of memory takes nothing with it. See `protocol.py`.
"""

import contextlib
import os
import runpy
import selectors
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from typing import NoReturn

from workers.warm.protocol import DESCRIPTORS, PACKET_BYTES, READY, Ended, Order, Started


@dataclass(frozen=True)
class _Child:
    pid: int
    alive: int  # a pidfd: readable once it has ended
    report: socket.socket


class Server:
    """Forks and watches children.

    Args:
        control: where orders come from.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: list[_Child] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the worker is gone; the children then see their own standard input close."""
        self._selector.register(self._control, selectors.EVENT_READ)
        self._control.send(READY)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    if not self._take_order():
                        return
                elif isinstance(key.fileobj, socket.socket):
                    self._forget(key.data)
                else:
                    self._report_end(key.data)

    def _take_order(self) -> bool:
        """Carry out one order; False when there will be none any more."""
        body, descriptors, _, _ = socket.recv_fds(self._control, PACKET_BYTES, DESCRIPTORS)
        if not body:
            return False
        try:
            order = Order.model_validate_json(body)
            report = socket.socket(fileno=descriptors[3])
            if (pid := os.fork()) == 0:
                self._become(order, descriptors[:3], report)
            child = _Child(pid, os.pidfd_open(pid), report)
        finally:
            for descriptor in descriptors[:3]:
                os.close(descriptor)
        self._children.append(child)
        self._selector.register(child.alive, selectors.EVENT_READ, child)
        self._selector.register(child.report, selectors.EVENT_READ, child)
        return True

    def _report_end(self, child: _Child) -> None:
        """Tell how it ended, but keep its process id taken until the worker is done with it."""
        self._selector.unregister(child.alive)
        how = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        if how is None:
            return
        code = how.si_status if how.si_code == os.CLD_EXITED else -how.si_status
        with contextlib.suppress(OSError):  # nobody waits for it any more
            child.report.send(Ended(code=code).model_dump_json().encode())

    def _forget(self, child: _Child) -> None:
        """The worker closed the report: nothing of the run is to be left."""
        self._selector.unregister(child.report)
        child.report.close()
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.alive)
        os.close(child.alive)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        self._children.remove(child)

    def _become(self, order: Order, streams: list[int], report: socket.socket) -> NoReturn:
        """In the fork: be the program that was ordered, and nothing of this one."""
        code = 1
        try:
            os.setsid()
            for number, descriptor in enumerate(streams):
                os.dup2(descriptor, number)
            self._let_go()
            report.send(Started(pid=os.getpid()).model_dump_json().encode())
            report.close()
            for descriptor in streams:
                os.close(descriptor)
            _run(order)
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except BaseException:  # noqa: BLE001 - as an interpreter does at its end
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _let_go(self) -> None:
        """Close what belongs to this process; its end of the control socket went with the standard input."""
        self._control.close()
        self._selector.close()
        for child in self._children:
            child.report.close()
            os.close(child.alive)


def _run(order: Order) -> None:
    """As `python -m MODULE FOLDER` does."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(order.environment)
    sys.argv = [order.module, order.folder]
    sys.modules.pop(f"{order.module}.__main__", None)  # it is run anew, and runpy warns of one that is there already
    runpy.run_module(order.module, run_name="__main__", alter_sys=True)
