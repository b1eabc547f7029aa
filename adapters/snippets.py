"""Lines that a person copies: how to fetch an adapter in several ways, and how to load it. Pure."""

from dataclasses import dataclass

# Line by line, so that nobody who looks for imports takes the text's for this module's own.
LOAD = (
    "from peft import PeftModel\n"
    "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
    "\n"
    'base = AutoModelForCausalLM.from_pretrained({base!r}, dtype="auto")\n'
    "model = PeftModel.from_pretrained(base, {folder!r})\n"
    "tokenizer = AutoTokenizer.from_pretrained({tokenizer!r})"
)

FETCH = """\
curl --fail --location --continue-at - \\
  --header "Authorization: Bearer $GRAFT_TOKEN" \\
  --output {folder}.zip \\
  {url}
unzip {folder}.zip"""

PULL = """\
graft login {root}
graft adapters pull {adapter}@{version}"""

CLIENT = (
    "import os\n"
    "\n"
    "from graft import Client\n"
    "\n"
    'with Client("{root}", os.environ["GRAFT_TOKEN"]) as client:\n'
    '    folder = client.adapters.pull("{adapter}@{version}")'
)

HUB = (
    "# HF_ENDPOINT={root} HF_TOKEN=$GRAFT_TOKEN python …\n"
    "from peft import PeftModel\n"
    "from transformers import AutoModelForCausalLM\n"
    "\n"
    'base = AutoModelForCausalLM.from_pretrained("{workspace}/{base}", revision="{base_revision}", dtype="auto")\n'
    'model = PeftModel.from_pretrained(base, "{workspace}/{adapter}", revision="{version}")'
)


@dataclass(frozen=True)
class Way:
    """A way to fetch a version: what it is called, what else is good to know, and the lines."""

    title: str
    note: str
    lines: str


def load_snippet(base: str, folder: str, *, has_tokenizer: bool) -> str:
    """Python that loads the adapter in `folder` onto `base`."""
    return LOAD.format(base=base, folder=folder, tokenizer=folder if has_tokenizer else base).replace("'", '"')


def fetch_snippet(url: str, folder: str) -> str:
    """Shell lines that download the zip from `url`, taking up an interrupted download where it stopped."""
    return FETCH.format(url=url, folder=folder)


def fetch_ways(
    *, root: str, workspace: str, adapter: str, version: int, folder: str, url: str, base: str, base_revision: int
) -> list[Way]:
    """Every way to fetch a version, each with the same token.

    Args:
        root: the address of Graft.
        workspace: its slug.
        adapter: the adapter's name.
        version: the version's number.
        folder: what the zip unpacks into.
        url: the zip's address.
        base: the base model's name.
        base_revision: its revision's number.
    """
    named = {"root": root.rstrip("/"), "workspace": workspace, "adapter": adapter, "version": version}
    return [
        Way("curl", "Run it again to take up a download that broke off.", fetch_snippet(url, folder)),
        Way(
            "graft",
            "The first line asks for the token, once. What comes is checked against its SHA-256s.",
            PULL.format(**named),
        ),
        Way("Python", "With the package that has the command above.", CLIENT.format(**named)),
        Way(
            "transformers and peft",
            "Existing code needs one variable more: Graft answers as a model hub. An alias does for a revision.",
            HUB.format(**named, base=base, base_revision=base_revision),
        ),
    ]
