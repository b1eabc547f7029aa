"""Lines that a person copies to fetch and use an export. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.snippets import Way
from finetune_app.merges.snippets import CURL as FETCH_ALL
from finetune_app.merges.states import ExportKind

AGAIN = "Run it again to take up a download that broke off."
FETCH = """\
curl --fail --location --continue-at - \\
  --header "Authorization: Bearer $GRAFT_TOKEN" --output {file} \\
  {files}/{file}"""

SERVER = """\
# http://127.0.0.1:8080 has a page to chat with, and the API of OpenAI below /v1
llama-server --model {file} --jinja --ctx-size 4096"""

CLI = """\
llama-cli --model {file} --jinja --conversation"""

PYTHON = (
    "from llama_cpp import Llama\n"
    "\n"
    'model = Llama("{file}", n_ctx=4096)\n'
    'answer = model.create_chat_completion([{{"role": "user", "content": "Hello"}}])\n'
    'print(answer["choices"][0]["message"]["content"])'
)

VLLM = """\
vllm serve ./{folder} --served-model-name {adapter}"""

TRANSFORMERS = (
    "# pip install transformers compressed-tensors\n"
    "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
    "\n"
    'model = AutoModelForCausalLM.from_pretrained("{folder}", dtype="auto")\n'
    'tokenizer = AutoTokenizer.from_pretrained("{folder}")'
)

SKOPEO = """\
skopeo copy oci-archive:{file} docker://REGISTRY/{name}"""

DOCKER = """\
docker load --input {file}"""

HUB = (
    "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
    "\n"
    'model = AutoModelForCausalLM.from_pretrained("{repository}", revision="{commit}", dtype="auto")\n'
    'tokenizer = AutoTokenizer.from_pretrained("{repository}", revision="{commit}")'
)

HUB_VLLM = """\
vllm serve {repository} --revision {commit} --served-model-name {adapter}"""


@dataclass(frozen=True)
class Exported:
    """What the lines name.

    Attributes:
        kind: of the export.
        adapter: the adapter's name.
        name: of a folder to download into, or of an image.
        files: the address that the export's files lie under.
        paths: the files.
        repository: where it was sent to, on the hub.
        commit: which commit that made.
    """

    kind: ExportKind
    adapter: str
    name: str
    files: str
    paths: list[str]
    repository: str = ""
    commit: str = ""


def export_ways(exported: Exported) -> list[Way]:
    """How to fetch it and what to do with it then; none for what lies elsewhere."""
    make = WAYS.get(exported.kind)
    return make(exported) if make else []


def _gguf(exported: Exported) -> list[Way]:
    named = {"file": exported.paths[0], "files": exported.files}
    return [
        Way("curl", AGAIN, FETCH.format(**named)),
        Way("llama-server", "The chat template is in the file.", SERVER.format(**named)),
        Way("llama-cli", "To talk with it in a terminal.", CLI.format(**named)),
        Way("Python", "With the package llama-cpp-python.", PYTHON.format(**named)),
    ]


def _quantized(exported: Exported) -> list[Way]:
    named = {"folder": exported.name, "adapter": exported.adapter}
    return [
        Way(
            "curl",
            AGAIN,
            FETCH_ALL.format(folder=exported.name, files=exported.files),
        ),
        Way("vLLM", "Reads how it is packed from config.json.", VLLM.format(**named)),
        Way("transformers", "Unpacks the weights when it first computes.", TRANSFORMERS.format(**named)),
    ]


def _oci(exported: Exported) -> list[Way]:
    named = {"file": exported.paths[0], "files": exported.files, "name": f"{exported.name}:latest"}
    return [
        Way("curl", AGAIN, FETCH.format(**named)),
        Way("skopeo", "Sends it to a registry; the files lie in /models.", SKOPEO.format(**named)),
        Way("Docker", "From version 25 on.", DOCKER.format(**named)),
    ]


def _hub(exported: Exported) -> list[Way]:
    named = {"repository": exported.repository, "commit": exported.commit, "adapter": exported.adapter}
    return [
        Way("transformers", "The commit stands for exactly these files.", HUB.format(**named)),
        Way("vLLM", "", HUB_VLLM.format(**named)),
    ]


WAYS: dict[ExportKind, Callable[[Exported], list[Way]]] = {
    ExportKind.GGUF: _gguf,
    ExportKind.QUANTIZED: _quantized,
    ExportKind.OCI: _oci,
    ExportKind.HUB: _hub,
}
