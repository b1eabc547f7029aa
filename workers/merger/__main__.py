"""Child: folds an adapter into its base. `python -m workers.merger RUN_FOLDER`, see `workers/merge_spec.py`."""

from workers.merger.lean_start import give_back_library_code, start_torch_leanly


def main() -> None:
    """Start torch before the other libraries, so that their memory does not come on top of what its start needs."""
    start_torch_leanly()
    import torch  # noqa: F401, PLC0415

    give_back_library_code()
    from workers.child import run_on_folder  # noqa: PLC0415
    from workers.merger.merge import merge  # noqa: PLC0415

    run_on_folder(merge)


if __name__ == "__main__":
    main()
