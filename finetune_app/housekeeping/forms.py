"""The form of the retention rule."""

from django import forms

from finetune_app.housekeeping.services.set_rule import MOST_DAYS, MOST_KEPT


class RuleForm(forms.Form):
    """Which adapter versions stay."""

    keep_last = forms.IntegerField(
        min_value=1,
        max_value=MOST_KEPT,
        required=False,
        label="Versions of each adapter",
        help_text="The last ones that stay. Empty: all of them stay, of any age.",
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
    )
    keep_days = forms.IntegerField(
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        label="Days that a version stays",
        help_text="Versions that are younger stay in any case. Empty: their age is no matter.",
        widget=forms.NumberInput(attrs={"autocomplete": "off"}),
    )
    is_on = forms.BooleanField(
        required=False,
        label="Delete what may go each day",
        help_text="Otherwise an admin does, on this page. Each run also removes bytes that nothing names any more.",
    )
