"""TCP ports of this machine: which is free, and whether the wanted one is."""

import errno
import socket

from launcher.errors import LaunchError

LOOPBACK = "127.0.0.1"
LAST_PORT = 65535
ANYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 – addresses that mean “all of this machine's”


def free_port() -> int:
    """A loopback port that nobody listens on now; another program may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def check_port(host: str, port: int) -> None:
    """Be sure that the web process can listen there.

    Raises:
        LaunchError: it cannot; names PORT or HOST.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise LaunchError(f"HOST: “{host}” is no address of this machine.") from None
    with socket.socket(family, kind, protocol) as probe:
        # As the web server does: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise LaunchError(f"PORT: this user may not listen on port {port}; choose one above 1023.") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                other = port + 1 if port < LAST_PORT else port - 1
                raise LaunchError(
                    f"PORT: another program listens on port {port}; choose another one, e.g. PORT={other} make run."
                ) from None
            raise LaunchError(f"HOST: cannot listen on {host}: {error.strerror}.") from None


def reachable(host: str) -> str:
    """The address by which this machine itself reaches a server that listens on `host`."""
    return ANYWHERE.get(host, host)


def web_address(host: str, port: int) -> str:
    """The address for a browser on this machine."""
    name = reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
