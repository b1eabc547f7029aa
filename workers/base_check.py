"""Whether the base on this worker is the one that was registered; without a tensor library, for any child."""

from pathlib import Path

from adapters.fingerprint import Fingerprint
from finetune_app.errors import UserError
from finetune_app.jobs.causes import Cause
from workers.child import ChildFailure
from workers.known_base import known_fingerprint
from workers.spec import BaseDigests

DIGESTS = {
    "weights_root": "its weights",
    "arch_digest": "the configuration of its architecture",
    "tokenizer_digest": "its tokenizer",
    "chat_template_digest": "its chat template",
}


def check_base_digests(folder: Path, registered: BaseDigests, name: str) -> Fingerprint:
    """The fingerprint of the base in `folder` when it is the registered one; `name` is what people call it.

    Raises:
        ChildFailure: BASE_CHANGED, naming what differs.
    """
    try:
        found = known_fingerprint(folder)
    except UserError as error:
        raise ChildFailure(Cause.BASE_CHANGED, error.message) from error
    different = [words for digest, words in DIGESTS.items() if getattr(found, digest) != getattr(registered, digest)]
    if different:
        raise ChildFailure(
            Cause.BASE_CHANGED,
            f"The files of “{name}” on this worker are not those that were registered: "
            f"{' and '.join(different)} differ.",
        )
    return found
