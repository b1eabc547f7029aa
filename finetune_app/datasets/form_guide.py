"""The row forms as the pages explain them: a name, a sentence and an example of each. Pure."""

from dataclasses import dataclass

from finetune_app.datasets.row_types import RowForm


@dataclass(frozen=True)
class FormGuide:
    """What a person needs to know of one form; `example` is one line of JSONL."""

    form: RowForm
    title: str
    text: str
    example: str


FORM_GUIDES = (
    FormGuide(
        RowForm.CHAT,
        "Chat",
        "A conversation whose last message is the assistant's. The model learns that last answer. Messages may call "
        "tools (“tool_calls”) and hold their results (role “tool”); “tools” lists the schemas.",
        '{"messages": [{"role": "user", "content": "Where is my parcel?"}, '
        '{"role": "assistant", "content": "It left our depot this morning."}]}',
    ),
    FormGuide(
        RowForm.SHAREGPT,
        "ShareGPT",
        "The same with the older names: “human” asks, “gpt” answers; “function_call” and “observation” use tools.",
        '{"conversations": [{"from": "human", "value": "Where is my parcel?"}, '
        '{"from": "gpt", "value": "It left our depot this morning."}]}',
    ),
    FormGuide(
        RowForm.INSTRUCTION,
        "Instruction",
        "A task, optionally with the text to work on, and the result (Alpaca).",
        '{"instruction": "Translate into French.", "input": "Good morning", "output": "Bonjour"}',
    ),
    FormGuide(
        RowForm.PROMPT_COMPLETION,
        "Prompt and completion",
        "A question and its answer: two texts, or two lists of messages.",
        '{"prompt": "What is the capital of Peru?", "completion": "Lima"}',
    ),
    FormGuide(
        RowForm.TEXT,
        "Plain text",
        "Text without questions, to go on training on (continued pretraining).",
        '{"text": "Grafting joins a cutting to a rooted stock."}',
    ),
    FormGuide(
        RowForm.PREFERENCE,
        "Preference",
        "A better and a worse answer, each a text, a message or a conversation. For preferences (DPO) "
        "and reward models.",
        '{"prompt": "Where is my parcel?", "chosen": "It left our depot this morning.", "rejected": "No idea."}',
    ),
    FormGuide(
        RowForm.KTO,
        "KTO",
        "A prompt, an answer, and whether it is a good one (KTO).",
        '{"prompt": "Where is my parcel?", "completion": "No idea.", "label": false}',
    ),
)


def guide_for(form: str) -> FormGuide:
    """The guide to the form with this value."""
    return next(guide for guide in FORM_GUIDES if guide.form == form)
