"""Lines that a person copies to serve, load or fetch a merged model. Pure."""

from adapters.snippets import Way

VLLM = """\
HF_ENDPOINT={root} HF_TOKEN=$GRAFT_TOKEN \\
vllm serve {repository} \\
  --revision {commit} \\
  --tokenizer-revision {commit} \\
  --served-model-name {adapter} \\
  --dtype {dtype}"""

TRANSFORMERS = (
    "# HF_ENDPOINT={root} HF_TOKEN=$GRAFT_TOKEN python …\n"
    "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
    "\n"
    'model = AutoModelForCausalLM.from_pretrained("{repository}", revision="{commit}", dtype="auto")\n'
    'tokenizer = AutoTokenizer.from_pretrained("{repository}", revision="{commit}")'
)

PULL = """\
graft login {root}
graft merged pull {adapter}@{version} --number {number}"""

CURL = """\
mkdir -p {folder} && cd {folder}
curl --fail --location --header "Authorization: Bearer $GRAFT_TOKEN" --remote-name {files}/SHA256SUMS
while read -r sum file; do
  echo "$sum  $file" | sha256sum --check --status 2>/dev/null ||
  curl --fail --location --continue-at - --create-dirs \\
    --header "Authorization: Bearer $GRAFT_TOKEN" --output "$file" "{files}/$file"
done < SHA256SUMS
sha256sum --check SHA256SUMS"""


def use_ways(
    *,
    root: str,
    repository: str,
    commit: str,
    adapter: str,
    version: int,
    number: int,
    dtype: str,
    files: str,
) -> list[Way]:
    """Every way to use a merged model, each with the same token.

    Args:
        root: the address of Graft.
        repository: what the hub's libraries call it.
        commit: of exactly these files.
        adapter: the adapter's name.
        version: the version's number.
        number: the merged model's.
        dtype: of its weights.
        files: the address that its files lie under.
    """
    named = {
        "root": root.rstrip("/"),
        "repository": repository,
        "commit": commit,
        "adapter": adapter,
        "version": version,
        "number": number,
        "dtype": dtype,
        "files": files.rstrip("/"),
        "folder": f"{adapter}-v{version}-merged-{number}",
    }
    ways = (
        ("vLLM", "Serves it by the adapter's name. The commit stands for exactly these bytes.", VLLM),
        (
            "transformers",
            "Graft answers as a model hub. A version's number or an alias does for a commit.",
            TRANSFORMERS,
        ),
        ("graft", "The first line asks for the token, once. What comes is checked against its SHA-256s.", PULL),
        ("curl", "Run it again to take up a download that broke off.", CURL),
    )
    return [Way(title, note, lines.format(**named)) for title, note, lines in ways]
