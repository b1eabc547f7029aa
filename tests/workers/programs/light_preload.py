"""What a warm process imports when its children are no trainers."""


def preload() -> None:
    import workers.child  # noqa: F401


def fails() -> None:
    raise RuntimeError("not to be had")
