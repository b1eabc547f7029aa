"""What a chat template did to a row that its owner may not expect: left messages out, or added a system message."""

from finetune_app.datasets.row_types import TrainingRow
from finetune_app.datasets.template_messages import answer_messages, prompt_messages
from workers.child import ChildFailure
from workers.encoding import EncodedRow, Encoder

PROBE = "graft-probe-6f1d"
SHOWN_CHARACTERS = 200


def template_remarks(encoder: Encoder, row: TrainingRow, encoded: EncodedRow) -> list[str]:
    """Sentences for people; empty when the template wrote the row's messages and nothing of its own."""
    messages = [*prompt_messages(row), *answer_messages(row)]
    remarks = [
        f"The chat template leaves out message {position} ({message.get('role')}), or writes it otherwise."
        for position, message in enumerate(messages, start=1)
        if isinstance(message.get("content"), str) and message["content"].strip() not in encoded.text
    ]
    if row.rejected:
        remarks.append("These are the tokens of the chosen answer; the rejected one is written in the same way.")
    if not any(message.get("role") == "system" for message in messages):
        added = _added_system_text(encoder, row, encoded)
        if added is not None:
            shown = added if len(added) <= SHOWN_CHARACTERS else f"{added[:SHOWN_CHARACTERS]}…"
            remarks.append(
                f"The chat template adds a system message that the row does not have: “{shown}”."
                if shown
                else "The chat template adds a system message that the row does not have."
            )
    return remarks


def _added_system_text(encoder: Encoder, row: TrainingRow, encoded: EncodedRow) -> str | None:
    """The text of a system message in a row that has none, None when the template adds none.

    The row is written once more with a system message of our own: what stands around that one also stands around the
    one that the template adds by itself.
    """
    messages = [{"role": "system", "content": PROBE}, *prompt_messages(row), *answer_messages(row)]
    try:
        before, found, after = encoder.render(row, messages).partition(PROBE)
    except ChildFailure:  # a template that takes no system message adds none
        return None
    whole = encoded.text
    if not found or not before or len(before) + len(after) > len(whole):
        return None
    if not whole.startswith(before) or not whole.endswith(after):
        return None
    return whole[len(before) : len(whole) - len(after)].strip()
