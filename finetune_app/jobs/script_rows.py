"""The part of an exported script that reads the rows: each form as trl takes it, and which rows are held out. Pure."""

from finetune_app.datasets.formats import RowForm
from finetune_app.datasets.row_types import SPLIT_NAMES, Split
from finetune_app.jobs.training_config import TrainingConfig

MESSAGES = '''def messages(value, role="user"):
    """Messages in the names that chat templates know; a text is one of them."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    roles = {"human": "user", "gpt": "assistant", "observation": "tool", "function_response": "tool"}
    value = [value] if isinstance(value, dict) else value
    found = [dict(item) if "role" in item else {"role": item["from"], "content": item["value"]} for item in value]
    return [item | {"role": roles.get(item["role"], item["role"])} for item in found]'''

BEGUN = '''def begun(row, prompt):
    """The prompt after the row's own system message, where it has one."""
    if row.get("system") and not (prompt and prompt[0]["role"] == "system"):
        return [{"role": "system", "content": row["system"]}, *prompt]
    return prompt'''

CONVERSATION = """    whole = begun(row, {messages})
    prompt, answer = whole[:-1], whole[-1:]"""
PAIR = """    prompt = begun(row, messages(row["prompt"]))
    answer = messages(row["completion"], "assistant")"""
INSTRUCTION = """    roles = ("user", "assistant")
    turns = [messages(text, role) for turn in row.get("history") or [] for text, role in zip(turn, roles)]
    question = "\\n\\n".join(text for text in (row["instruction"], row.get("input")) if text and text.strip())
    prompt = begun(row, [*(turn[0] for turn in turns), *messages(question)])
    answer = messages(row["output"], "assistant")"""
PREFERENCE = """    asked = row.get("prompt") or row.get("conversations") or row.get("instruction") or []
    before, chosen = messages(row["chosen"], "assistant"), messages(row["rejected"], "assistant")
    prompt, (before, chosen), rejected = messages(asked), (before[:-1], before[-1:]), chosen[-1:]
    prompt = begun(row, before if before[len(before) - len(prompt) :] == prompt else prompt + before)"""

READ = {
    RowForm.CHAT: CONVERSATION.format(messages='row["messages"]'),
    RowForm.SHAREGPT: CONVERSATION.format(messages='messages(row["conversations"])'),
    RowForm.PROMPT_COMPLETION: PAIR,
    RowForm.INSTRUCTION: INSTRUCTION,
    RowForm.KTO: PAIR,
    RowForm.PREFERENCE: PREFERENCE,
}
TOOLS = '    return found | ({"tools": row["tools"]} if row.get("tools") else {})'


def reading_rows(config: TrainingConfig, form: RowForm, left_out: tuple[int, ...]) -> list[str]:
    """The pieces of the script, in their order."""
    pieces = {RowForm.TEXT: [], RowForm.CHAT: [BEGUN]}.get(form, [MESSAGES, BEGUN])
    return [*pieces, _example(config, form), _held_out(config), _rows(config, left_out)]


def _example(config: TrainingConfig, form: RowForm) -> str:
    head = 'def example(row):\n    """The row as trl takes it."""\n'
    if form is RowForm.TEXT:
        return f'{head}    return {{"text": row["text"]}}'
    if form is RowForm.PREFERENCE:
        found = '{"prompt": prompt, "chosen": chosen, "rejected": rejected}'
    elif form is RowForm.KTO:
        found = '{"prompt": prompt, "completion": answer, "label": str(row["label"]).lower() in ("true", "1")}'
    elif config.loss_on == "completion":
        found = '{"prompt": prompt, "completion": answer}'
    else:
        found = '{"messages": prompt + answer}'
    return f"{head}{READ[form]}\n    found = {found}\n{TOOLS}"


def _held_out(config: TrainingConfig) -> str:
    names = sorted(name for name, split in SPLIT_NAMES.items() if split is Split.HELD_OUT)
    return "\n".join(
        [
            "def is_held_out(number, row):",
            '    """The rows that Graft keeps out of training: those that say so, else a share drawn by number."""',
            "    if names_splits:",
            f'        return row.get("split") in {{{", ".join(f"{chr(34)}{name}{chr(34)}" for name in names)}}}',
            f'    digest = hashlib.sha256(f"{config.seed}:{{number}}".encode()).digest()',
            f"    return int.from_bytes(digest[:8]) < {config.held_out_share!r} * 2**64",
        ]
    )


def _rows(config: TrainingConfig, left_out: tuple[int, ...]) -> str:
    lines = [
        'lines = given.rows.read_text(encoding="utf-8").split("\\n")',
        "rows = dict(enumerate((json.loads(line) for line in lines if line.strip()), start=1))",
    ]
    if left_out:
        lines.append(f"for number in {list(left_out)}:  # bad rows, which the job leaves out")
        lines.append("    rows.pop(number, None)")
    lines += [
        'names_splits = any(row.get("split") for row in rows.values())',
        "trained = [example(row) for number, row in rows.items() if not is_held_out(number, row)]",
        "held_out = [example(row) for number, row in rows.items() if is_held_out(number, row)]",
        f"held_out = held_out[:{config.held_out_max_rows}]",
    ]
    return "\n".join(lines)
