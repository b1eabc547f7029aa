"""A job as YAML: a body of `POST /jobs` that makes the same job again, with a comment for each option. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from finetune_app.jobs.config_options import grouped

YAML_TYPE = "application/yaml"
UNBROKEN = 1_000_000  # wider than any value: each stays on its line


def job_yaml(number: int, target: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The body.

    Args:
        number: the job's, for the comment at the top.
        target: what the job is about (`adapter`, `dataset`, …), as `POST /jobs` calls it; None is left out.
        config: the whole training config.
    """
    lines = [
        f"# The config of job {number}. It makes the same job again:",
        "#   curl -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/yaml' \\",
        f"#     --data-binary @job-{number}.yaml https://YOUR-GRAFT/api/v1/jobs",
        *(_line(name, value) for name, value in target.items() if value is not None),
        "config:",
        *(f"  {line}" if line else "" for line in _config_lines(config)),
    ]
    return "\n".join(lines) + "\n"


def _config_lines(config: Mapping[str, Any]) -> Iterator[str]:
    yield _line("method", config["method"])
    told = {"method"}
    for _, title, options in grouped(config["method"]):
        yield ""
        yield f"# {title}"
        for option in options:
            if option.name in config:
                told.add(option.name)
                yield _line(option.name, config[option.name], comment=option.title)
    yield from (_line(name, value) for name, value in config.items() if name not in told)


def _line(name: str, value: Any, comment: str = "") -> str:
    words = comment.removesuffix(f" ({name})")
    says_more = words.lower() not in {"", name.replace("_", " ")}
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=UNBROKEN, sort_keys=False)
    line = f"{name}: {text.strip().removesuffix('...').strip()}"
    return f"{line}  # {words}" if says_more else line
