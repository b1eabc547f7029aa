"""Base upgrades over REST: what one changes, touches and asks for; and asking for retraining."""

from ninja import Router, Status

from adapters.access import get_base_revision
from finetune_app.accounts.token_auth import ApiRequest
from finetune_app.upgrades.plan import load_versions, plan_retraining
from finetune_app.upgrades.schemas import AskedOut, RetrainIn, RetrainOut, UpgradeOut
from finetune_app.upgrades.services.retrain_version import retrain_versions
from finetune_app.upgrades.upgrade import upgrade_to
from finetune_app.web.schemas import ErrorOut, Limit, Offset

router = Router()
TOUCHED_LISTED = 1000


@router.get(
    "/{name}/revisions/{number}/upgrade",
    response={200: UpgradeOut, 404: ErrorOut},
    summary="What an upgrade changes and touches",
)
def show_upgrade(request: ApiRequest, name: str, number: int, limit: Limit = 50, offset: Offset = 0) -> UpgradeOut:
    """The upgrade to this revision from all older ones; `limit` and `offset` are those of `retrainings`."""
    access = request.auth
    upgrade = upgrade_to(access, get_base_revision(access, name, number), limit=TOUCHED_LISTED)
    versions = load_versions(access, upgrade.asked[offset : offset + limit])
    return UpgradeOut.of(upgrade, plan_retraining(access, upgrade.revision, versions))


@router.post(
    "/{name}/revisions/{number}/upgrade/retrain",
    response={202: RetrainOut, 403: ErrorOut, 404: ErrorOut, 422: ErrorOut},
    summary="Retrain versions on this revision",
)
def retrain(request: ApiRequest, name: str, number: int, payload: RetrainIn) -> Status[RetrainOut]:
    """Queue the recipe of each version again. Asked for twice it is one job, unless that failed or was cancelled."""
    revision = get_base_revision(request.auth, name, number)
    asked = retrain_versions(request.auth, revision, payload.versions)
    return Status(202, RetrainOut(items=[AskedOut.of(item) for item in asked]))
