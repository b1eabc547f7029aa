"""Which merged model is given out: by an alias, or as `verified`, only one that the proof let pass.

Whoever names both numbers wants to look into exactly that one, and gets it though it was rejected.
"""

from django.db.models import QuerySet

from adapters.access import get_adapter_version
from adapters.models import AdapterVersion
from finetune_app.accounts.access import Access
from finetune_app.errors import NotFound, UserError
from finetune_app.merges.access import get_merged_model, merged_models_in, merged_models_of
from finetune_app.merges.labels import NEWEST_VERIFIED
from finetune_app.merges.models import MergedModel
from finetune_app.merges.report import Gate
from finetune_app.merges.report_file import read_report
from finetune_app.merges.states import Verdict
from finetune_app.work.states import TaskState


def find_merged_model(access: Access, name: str, label: int | str, merged: int | str) -> MergedModel:
    """The whole merged model that an address means, if it may be given out by that address.

    Args:
        access: the caller's.
        name: the adapter's name.
        label: the number of its version, or an alias.
        merged: the number among those of the version, or `verified` for the newest that is.

    Raises:
        NotFound: the workspace has no such version, or the version no such merged model.
        UserError: `merge_rejected`, with the gates that failed in `details`; `merge_not_done`.
    """
    if merged == NEWEST_VERIFIED:
        found = _newest_whole(get_adapter_version(access, name, label))
    else:
        found = _whole(get_merged_model(access, name, label, int(merged)))
    if found.verdict != Verdict.VERIFIED and (isinstance(label, str) or merged == NEWEST_VERIFIED):
        raise _rejected(found)
    return found


def verified_merged_models(access: Access) -> QuerySet[MergedModel]:
    """The workspace's, the newest of the newest version first."""
    verified = merged_models_in(access).filter(state=TaskState.SUCCEEDED, verdict=Verdict.VERIFIED)
    return verified.order_by("-version__number", "-number")


def failed_gates(merged: MergedModel) -> list[Gate]:
    """The gates of the proof that it did not pass; none when the report cannot be read."""
    report = read_report(merged)
    return [gate for gate in report.gates if not gate.passed] if report else []


def _newest_whole(version: AdapterVersion) -> MergedModel:
    """The newest verified one; where there is none the newest rejected one, which says why."""
    whole = merged_models_of(version).filter(state=TaskState.SUCCEEDED)
    found = whole.filter(verdict=Verdict.VERIFIED).first() or whole.first()
    if found is None:
        raise NotFound("merged model", f"{version}/{NEWEST_VERIFIED}")
    return found


def _whole(merged: MergedModel) -> MergedModel:
    if merged.state != TaskState.SUCCEEDED:
        what = "is still being made; wait until it is done" if merged.is_open else "was not made; look why it failed"
        raise UserError("merge_not_done", f"Merged model {merged.number} of {merged.version} {what}.", status=409)
    return merged


def _rejected(merged: MergedModel) -> UserError:
    gates = failed_gates(merged)
    failed = ", ".join(gate.name for gate in gates)
    return UserError(
        "merge_rejected",
        f"Merged model {merged.number} of {merged.version} was rejected by its proof{failed and f' ({failed})'}, so it "
        "is not given out by an alias or as “verified”. Merge again, or fetch it by both numbers to look into it.",
        status=409,
        details=[gate.model_dump(mode="json") for gate in gates],
    )
