"""`python -m launcher run` and `python -m launcher demo`."""

import argparse
import os
import signal
import sys
from types import FrameType

from launcher.errors import LaunchError, Stopped
from launcher.plan import NO_SAMPLE_JOB
from launcher.run import run


def main() -> int:
    """Do what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(prog="launcher", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run_parser = commands.add_parser("run", help="run Graft until Ctrl-C")
    run_parser.add_argument(NO_SAMPLE_JOB, dest="sample_job", action="store_false", help="queue no sample job")
    commands.add_parser("demo", help="one fine-tune over the REST API, with scores before and after")
    arguments = parser.parse_args()
    _stop_on_signals()
    try:
        if arguments.command == "run":
            return run(sample_job=arguments.sample_job)
        from launcher.demo import demo  # noqa: PLC0415 – brings an HTTP client that `run` does not need

        return demo()
    except LaunchError as error:
        print(error, file=sys.stderr)
        return error.code
    except Stopped:
        return 0 if arguments.command == "run" else 128 + signal.SIGINT


def _stop_on_signals() -> None:
    """SIGINT and SIGTERM raise `Stopped` until honcho takes them over; a closed terminal counts as SIGTERM."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stopped

    def terminate(_number: int, _frame: FrameType | None) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, terminate)


if __name__ == "__main__":
    sys.exit(main())
