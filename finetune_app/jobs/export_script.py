"""A job as one short Python script that does the same with transformers, peft and trl alone. Pure.

It is made of what a method knows (`methods/`) and of the form of the rows, so a new method needs no change here. An
option stands in the script where its value is another than the library's own default.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from finetune_app.datasets.formats import RowForm
from finetune_app.jobs.methods import method_of
from finetune_app.jobs.methods.method import Method
from finetune_app.jobs.script_parts import call, imported, literal
from finetune_app.jobs.script_rows import reading_rows
from finetune_app.jobs.training_config import TrainingConfig

SCRIPT_TYPE = "text/x-python"
LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes")
FOUR_BITS = frozenset({"nf4", "fp4"})
MODELS = {"CAUSAL_LM": "AutoModelForCausalLM", "SEQ_CLS": "AutoModelForSequenceClassification"}
MADE_BEFORE = frozenset({"dataset_kwargs"})  # an argument of a trainer whose rows are tokens already
INITIAL_WEIGHTS = {"gaussian": "gaussian", "orthogonal": "orthogonal", "pissa": "pissa_niter_16", "olora": "olora"}
# What peft's LoraConfig has as its default; what it has not is always written.
PEFT_DEFAULTS: dict[str, Any] = {
    "lora_dropout": 0.0,
    "bias": "none",
    "use_rslora": False,
    "use_dora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "layers_to_transform": [],
    "modules_to_save": [],
    "trainable_token_indices": [],
}
NEXT_PART, NEXT_FUNCTION = "\n", "\n\n"
LOOKS = 0.2  # of all steps between two looks at the held-out rows, where no number of steps is asked for


@dataclass(frozen=True)
class ScriptFacts:
    """What the script is about besides the config.

    Attributes:
        job: the job's number.
        rows: the dataset version's name and number, as `name@2`.
        rows_path: where REST gives its rows as JSONL.
        form: the form of its rows.
        left_out: numbers of rows that are not used.
        base: the base revision, as `name@1`, for people.
        weights_root: the digest of the base's weights.
        continues: the adapter version that it starts with, "" for none.
        libraries: versions of the libraries that the job ran with; empty when it has not.
        gpus: how many processes share a step; the config is that of one of them.
    """

    job: int
    rows: str
    rows_path: str
    form: RowForm
    left_out: tuple[int, ...]
    base: str
    weights_root: str
    continues: str
    libraries: dict[str, str]
    gpus: int = 1


def job_script(config: TrainingConfig, facts: ScriptFacts) -> str:
    """The script's text."""
    method = method_of(config)
    parts = [
        _head(config, facts, method),
        *reading_rows(config, facts.form, facts.left_out),
        _model(config, facts, method),
        _adapter(config, facts, method),
        _arguments(config, method),
        _training(config, facts, method),
    ]
    return "".join(_apart(before, part) for before, part in pairwise(["", *parts]))


def _apart(before: str, part: str) -> str:
    """`part` after `before`: two empty lines around functions, one elsewhere, as Python is written."""
    is_first, is_by_function = not before, "def " in {before[:4], part[:4]}
    return f"{'' if is_first else NEXT_FUNCTION if is_by_function else NEXT_PART}{part}\n"


def trainer_names(method: Method) -> tuple[str, str, str]:
    """The module of the plain trainer, its class and that of its arguments: `…Config` belongs to `…Trainer`."""
    module, _, arguments = method.arguments.partition(":")
    return module, f"{arguments.removesuffix('Config')}Trainer", arguments


def _head(config: TrainingConfig, facts: ScriptFacts, method: Method) -> str:
    module, trainer, arguments = trainer_names(method)
    versions = " ".join(f"{name}=={facts.libraries[name]}" for name in LIBRARIES if name in facts.libraries)
    transformers = sorted(
        {
            "AutoTokenizer",
            MODELS[method.task_type],
            *(["BitsAndBytesConfig"] if config.quantization != "none" else []),
            *(["EarlyStoppingCallback"] if config.early_stopping_patience else []),
            *(["set_seed"] if method.task_type == "SEQ_CLS" else []),
        }
    )
    start = f"accelerate launch --num_processes {facts.gpus}" if facts.gpus > 1 else "python"
    peft = "PeftModel" if facts.continues else "LoraConfig"
    lines = [
        f'"""{method.title}: what job {facts.job} of Graft does, with transformers, peft and trl alone.',
        "",
        f"    pip install {versions or ' '.join(LIBRARIES)} datasets",
        f'    curl -H "Authorization: Bearer TOKEN" -o rows.jsonl YOUR-GRAFT{facts.rows_path}',
        f"    {start} job-{facts.job}.py BASE{' --adapter FOLDER' if facts.continues else ''}",
        "",
        f"The rows are those of {facts.rows}. BASE is the folder, or the hub's name, of {facts.base}, whose",
        f"weights have the digest {facts.weights_root}.",
        *([f"FOLDER is the unpacked adapter {facts.continues}, which is trained on."] if facts.continues else []),
        '"""',
        "",
        "import argparse",
        "import hashlib",
        "import json",
        "from pathlib import Path",
        "",
        "import torch",
        *(["from accelerate import PartialState"] if facts.gpus > 1 else []),
        "from datasets import Dataset",
        f"from peft import {peft}",
        *(["from peft.optimizers import create_loraplus_optimizer"] if config.loraplus_lr_ratio else []),
        imported("transformers", transformers),
        f"from {module} import {arguments}, {trainer}",
        "",
        "parser = argparse.ArgumentParser()",
        'parser.add_argument("base")',
        'parser.add_argument("--rows", type=Path, default="rows.jsonl")',
        *(['parser.add_argument("--adapter", required=True)'] if facts.continues else []),
        'parser.add_argument("--out", default="adapter")',
        "given = parser.parse_args()",
    ]
    return "\n".join(lines)


def _model(config: TrainingConfig, facts: ScriptFacts, method: Method) -> str:
    options = {"dtype": "dtype"}
    if config.quantization in FOUR_BITS:
        kind = {
            "load_in_4bit": "True",
            "bnb_4bit_quant_type": literal(config.quantization),
            "bnb_4bit_use_double_quant": literal(config.bnb_4bit_use_double_quant),
            "bnb_4bit_compute_dtype": "dtype",
        }
        options["quantization_config"] = call("BitsAndBytesConfig", kind, indent=1)
    elif config.quantization == "int8":
        options["quantization_config"] = "BitsAndBytesConfig(load_in_8bit=True)"
    if method.task_type == "SEQ_CLS":
        options["num_labels"] = "1"
    gpu = "PartialState().local_process_index" if facts.gpus > 1 else '"cuda"'
    options["device_map"] = f'{{"": {gpu} if cuda else "cpu"}}'
    lines = [
        "cuda = torch.cuda.is_available()",
        "dtype = torch.float32",
        "if cuda:",
        "    dtype = torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16",
        "tokenizer = AutoTokenizer.from_pretrained(given.base)",
        "tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token",
        *([f"set_seed({config.seed})  # for the new head"] if method.task_type == "SEQ_CLS" else []),
        f"model = {call(f'{MODELS[method.task_type]}.from_pretrained', options, first=('given.base',))}",
    ]
    if method.task_type == "SEQ_CLS":
        lines.append("model.config.pad_token_id = tokenizer.pad_token_id")
    if config.quantization in FOUR_BITS:
        lines += [
            "for module in model.modules():  # on some processors an evaluation would repack the weights for good",
            '    if hasattr(module, "support_avx512bf16_for_cpu"):',
            "        module.support_avx512bf16_for_cpu = False",
        ]
    return "\n".join(lines)


def _adapter(config: TrainingConfig, facts: ScriptFacts, method: Method) -> str:
    if facts.continues:
        return "model = PeftModel.from_pretrained(model, given.adapter, is_trainable=True)"
    options = {"task_type": literal(method.task_type), "r": literal(config.r), "lora_alpha": literal(config.lora_alpha)}
    options["target_modules"] = literal(config.target_modules)
    for name, default in PEFT_DEFAULTS.items():
        if (value := getattr(config, name)) != default:
            options[name] = literal(value)
    start = config.init_lora_weights
    if start in INITIAL_WEIGHTS:
        options["init_lora_weights"] = literal(INITIAL_WEIGHTS[start])
    note = ""
    if start not in INITIAL_WEIGHTS and start != "default":
        note = f"# The job begins with {start.upper()}'s weights; this script begins with peft's default ones.\n"
    return f"{note}adapter = {call('LoraConfig', options)}"


def _arguments(config: TrainingConfig, method: Method) -> str:
    own = method.own_arguments(config)
    options = {"output_dir": 'f"{given.out}-checkpoints"'}
    options |= {name: literal(value) for name, value in own.items() if name not in MADE_BEFORE and value is not None}
    if config.loss_on == "assistant":
        options["assistant_only_loss"] = "True"
    options |= {name: literal(value) for name, value in _schedule(config).items()}
    options |= {
        "activation_checkpointing": literal(config.gradient_checkpointing),
        "bf16": "dtype == torch.bfloat16",
        "fp16": "dtype == torch.float16",
        "use_cpu": "not cuda",
        "logging_steps": "1",
        "report_to": '"none"',
    }
    arguments = call(trainer_names(method)[2], options, last="**(watching if held_out else saving_nothing)")
    return f"{_watching(config)}\narguments = {arguments}"


def _schedule(config: TrainingConfig) -> dict[str, Any]:
    """How long, how fast and how much at once, as `TrainingArguments` calls it."""
    found: dict[str, Any] = {"learning_rate": config.learning_rate, "lr_scheduler_type": config.lr_scheduler_type}
    if config.warmup_ratio and config.lr_scheduler_type != "constant":
        found["warmup_steps"] = config.warmup_ratio  # below 1 it is a share of all steps
    if config.optim != "auto":
        found["optim"] = config.optim
    found["max_grad_norm"] = config.max_grad_norm
    if config.weight_decay:
        found["weight_decay"] = config.weight_decay
    if config.max_steps is not None:
        found["max_steps"] = config.max_steps
    else:
        found["num_train_epochs"] = config.num_train_epochs
    names = ("seed", "max_length", "per_device_train_batch_size", "gradient_accumulation_steps")
    return found | {name: getattr(config, name) for name in names}


def _watching(config: TrainingConfig) -> str:
    interval = config.eval_steps or LOOKS
    watching: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": interval}
    watching["per_device_eval_batch_size"] = config.per_device_train_batch_size
    if config.load_best_model_at_end or config.early_stopping_patience:
        watching |= {"save_strategy": "steps", "save_steps": interval, "save_total_limit": 1}
        watching |= {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss"}
    else:
        watching["save_strategy"] = "no"
    options = {name: literal(value) for name, value in watching.items()}
    return f'saving_nothing = {{"save_strategy": "no"}}\nwatching = {call("dict", options)}'


def _training(config: TrainingConfig, facts: ScriptFacts, method: Method) -> str:
    options = {
        "model": "model",
        "args": "arguments",
        "train_dataset": "Dataset.from_list(trained)",
        "eval_dataset": "Dataset.from_list(held_out) if held_out else None",
        "processing_class": "tokenizer",
    }
    if not facts.continues:
        options["peft_config"] = "adapter"
    lines = [f"trainer = {call(trainer_names(method)[1], options)}"]
    if config.early_stopping_patience:
        stop = f"EarlyStoppingCallback({config.early_stopping_patience}, {config.early_stopping_threshold})"
        lines += ["if held_out:", f"    trainer.add_callback({stop})"]
    if config.quantization != "none":
        lines += [
            "for parameter in trainer.model.parameters():  # trl makes them bfloat16, in which small steps are lost",
            "    if parameter.requires_grad:",
            "        parameter.data = parameter.data.float()",
        ]
    if config.loraplus_lr_ratio:
        model_and_kind = ("trainer.model", "kind")
        plus = {"lr": literal(config.learning_rate), "loraplus_lr_ratio": literal(config.loraplus_lr_ratio)}
        optimizer = call("create_loraplus_optimizer", plus, first=model_and_kind, last="**chosen")
        lines += [
            "kind, chosen = trainer.get_optimizer_cls_and_kwargs(arguments, trainer.model)",
            'chosen.pop("lr")',
            f"trainer.optimizer = {optimizer}",
        ]
    lines += ["trainer.train()", "trainer.save_model(given.out)"]
    return "\n".join(lines)
