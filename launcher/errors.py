"""What stops a start: one line for the person who typed the command."""


class LaunchError(Exception):
    """Graft cannot start; the message is one line that says what to change.

    Args:
        message: the line.
        code: the exit code; 2 for something that the caller gave, 1 for something that went wrong.
    """

    def __init__(self, message: str, *, code: int = 2) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code


class Stopped(BaseException):
    """Somebody asked the launcher to stop before the processes ran. Not an `Exception`: nothing may swallow it."""
