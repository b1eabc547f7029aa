"""Lines that a person copies: how to load an adapter, and how to fetch it. Pure."""

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


def load_snippet(base: str, folder: str, *, has_tokenizer: bool) -> str:
    """Python that loads the adapter in `folder` onto `base`."""
    return LOAD.format(base=base, folder=folder, tokenizer=folder if has_tokenizer else base).replace("'", '"')


def fetch_snippet(url: str, folder: str) -> str:
    """Shell lines that download the zip from `url`, taking up an interrupted download where it stopped."""
    return FETCH.format(url=url, folder=folder)
