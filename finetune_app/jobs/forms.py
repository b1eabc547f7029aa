"""What a new job trains: the base model, the dataset version and the adapter's name. Its options: `config_form.py`."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet

from adapters.access import adapter_versions_of, base_revisions_of
from adapters.models import AdapterVersion, BaseRevision
from finetune_app.accounts.access import Access
from finetune_app.datasets.access import datasets_of
from finetune_app.datasets.models import DatasetVersion
from finetune_app.errors import UserError
from finetune_app.jobs.config_form import sentences_of
from finetune_app.jobs.many_processes import MOST_GPUS
from finetune_app.jobs.models import Job
from finetune_app.jobs.states import JobState
from finetune_app.names import NAME_HELP, check_name

MOST_ANCESTORS = 200  # the newest; another one can be named in the address or over REST


def dataset_versions_of(access: Access) -> list[DatasetVersion]:
    """Every dataset version of the workspace, by name, the newest version of each first."""
    return list(
        DatasetVersion.objects.filter(dataset__in=datasets_of(access))
        .select_related("dataset")
        .defer("bad_rows", "first_rows")
        .order_by("dataset__name", "-number")
    )


class TargetForm(forms.Form):
    """Base model, dataset version and adapter name; references are `name@number`."""

    base_model = forms.CharField(
        label="Base model",
        help_text="The frozen model that the adapter is trained on and bound to.",
        error_messages={"required": "Choose a base model."},
        widget=forms.Select,
    )
    dataset = forms.CharField(
        label="Dataset",
        help_text="The rows to learn from; some are held out to score the result.",
        error_messages={"required": "Choose a dataset."},
        widget=forms.Select,
    )
    adapter = forms.CharField(
        label="Adapter name",
        help_text=f"What the result is called. {NAME_HELP}",
        max_length=100,
        error_messages={"required": "Enter a name for the adapter."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    continues = forms.CharField(
        label="Start from",
        help_text="A version of an adapter goes on learning; its base model and LoRA options must be the same.",
        required=False,
        widget=forms.Select,
    )
    gpus = forms.IntegerField(
        label="GPUs",
        help_text="Of one machine: they share each step's rows, so the effective batch must be a multiple. On a "
        "processor: processes.",
        min_value=1,
        max_value=MOST_GPUS,
        initial=1,
        required=False,
    )

    def __init__(
        self, access: Access, data: Mapping[str, Any] | None = None, initial: dict[str, str] | None = None
    ) -> None:
        """A form that offers what the workspace has; where there is only one name, its newest is chosen."""
        self.bases = {str(base): base for base in base_revisions_of(access)}
        self.versions = {str(version): version for version in dataset_versions_of(access)}
        start = dict(initial or {})
        for name, found in (("base_model", self.bases), ("dataset", self.versions)):
            if not start.get(name) and len({key.partition("@")[0] for key in found}) == 1:
                start[name] = next(iter(found))
        super().__init__(data, initial=start)
        self._offer("base_model", [(key, _base_label(base)) for key, base in self.bases.items()])
        self._offer("dataset", [(key, _version_label(version)) for key, version in self.versions.items()])
        self.ancestors = list(adapter_versions_of(access).defer("manifest")[:MOST_ANCESTORS])
        chosen = self["continues"].value() or ""
        self._offer("continues", _ancestor_choices(self.ancestors, chosen), nothing="Nothing: a new adapter")

    def _offer(self, name: str, choices: list[tuple[str, str]], nothing: str = "Choose…") -> None:
        widget = self.fields[name].widget
        if isinstance(widget, forms.Select):
            widget.choices = [("", nothing), *choices]

    @property
    def base(self) -> BaseRevision | None:
        """The base revision that is chosen now, also in a form that is not valid."""
        return self.bases.get(self["base_model"].value() or "")

    @property
    def version(self) -> DatasetVersion | None:
        """The dataset version that is chosen now, also in a form that is not valid."""
        return self.versions.get(self["dataset"].value() or "")

    def clean_gpus(self) -> int:
        """One, when nothing is said."""
        return self.cleaned_data["gpus"] or 1

    def clean_adapter(self) -> str:
        """A name that can stand in an address."""
        try:
            return check_name(str(self.cleaned_data["adapter"]), field="adapter")
        except UserError as error:
            raise forms.ValidationError(error.message) from None

    def add_problem(self, error: UserError) -> None:
        """Put the sentences of `error` beside this form's fields."""
        for field, sentence in sentences_of(error).items():
            if field in self.fields:
                self.add_error(field, sentence)


def _base_label(base: BaseRevision) -> str:
    return f"{base} · {_short_count(base.parameters)}, {base.dtype}"


def _ancestor_choices(versions: list[AdapterVersion], chosen: str) -> list[tuple[str, str]]:
    choices = [(str(version), f"{version} · on {version.base_revision}") for version in versions]
    named = {key for key, _ in choices}
    return choices if not chosen or chosen in named else [(chosen, chosen), *choices]


def _version_label(version: DatasetVersion) -> str:
    return f"{version} · {version.rows:,} rows"


def _short_count(count: int) -> str:
    for size, unit in ((10**9, "B"), (10**6, "M")):
        if count >= size:
            return f"{count / size:.3g}{unit} parameters"
    return f"{count:,} parameters"


class FilterForm(forms.Form):
    """What the list of jobs shows; an unknown value shows everything."""

    state = forms.CharField(required=False, widget=forms.Select)
    adapter = forms.CharField(required=False, widget=forms.Select)
    dataset = forms.CharField(required=False, widget=forms.Select)

    def __init__(self, access: Access, data: Mapping[str, Any]) -> None:
        """Offers the adapters and datasets that the workspace's jobs name."""
        super().__init__(data)
        jobs = Job.objects.filter(workspace=access.workspace)
        found = {
            "state": [(state.value, state.value.capitalize()) for state in JobState],
            "adapter": [(name, name) for name in _distinct(jobs, "adapter_name")],
            "dataset": [(name, name) for name in _distinct(jobs, "dataset_version__dataset__name")],
        }
        for name, choices in found.items():
            widget = self.fields[name].widget
            if isinstance(widget, forms.Select):
                widget.choices = [("", f"Any {name}"), *choices]
                widget.attrs |= {"class": "form-select", "aria-label": name.capitalize()}

    @property
    def is_narrowing(self) -> bool:
        """Whether something is left out."""
        return any(self[name].value() for name in self.fields)


def _distinct(jobs: "QuerySet[Job]", path: str) -> "QuerySet[Job, str]":
    return jobs.order_by(path).values_list(path, flat=True).distinct()
