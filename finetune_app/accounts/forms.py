"""Forms of a person's own pages."""

from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm

from finetune_app.accounts.models import User
from finetune_app.accounts.services.create_token import NAME_LIMIT
from finetune_app.accounts.services.set_limits import MOST_RUNNING_JOBS


class NameForm(forms.Form):
    """The name that others see."""

    name = forms.CharField(
        max_length=150,
        required=False,
        label="Name",
        help_text="What others see beside what you make. Without one they see your user name.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(
        max_length=NAME_LIMIT,
        label="Name",
        help_text="What it is for, to know later which one to revoke.",
        widget=forms.TextInput(attrs={"placeholder": "nightly training", "autocomplete": "off"}),
    )


class HubTokenForm(forms.Form):
    """The workspace's token for the Hugging Face hub."""

    token = forms.CharField(
        label="Token",
        help_text="One that may write, from the hub's page “Access Tokens”. A fine-grained one for the repositories "
        "that models go to is enough.",
        # Never sent back: a form with an error comes without it.
        widget=forms.PasswordInput(attrs={"placeholder": "hf_…", "autocomplete": "off", "spellcheck": "false"}),
    )


class LimitsForm(forms.Form):
    """How much of the shared workers the workspace may take."""

    max_running_jobs = forms.IntegerField(
        min_value=1,
        max_value=MOST_RUNNING_JOBS,
        required=False,
        label="Jobs at a time",
        help_text="Workers carry out at most so many jobs of this workspace at once; further ones wait. Empty: as many "
        "as workers take. Jobs that run already go on.",
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
    )


def password_form(user: User, data: object = None) -> "SetPasswordForm[User]":
    """Asks for the old password where there is one."""
    make = PasswordChangeForm if user.has_usable_password() else SetPasswordForm
    return make(user, data)
