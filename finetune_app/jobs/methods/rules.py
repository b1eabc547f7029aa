"""Rules that methods share: what of the options does not go with them. Pure."""

from finetune_app.jobs.lora_options import ALL_LINEAR

HEAD = "lm_head"


def head_stays_as_it_is(target_modules: list[str] | str) -> dict[str, str]:
    """Methods whose loss is read off the head's own weights would never train an adapter on it."""
    names = [] if target_modules == ALL_LINEAR or isinstance(target_modules, str) else target_modules
    if any(name.rpartition(".")[2] == HEAD for name in names):
        return {"target_modules": f"This method trains no adapter on “{HEAD}”. Take it out."}
    return {}
