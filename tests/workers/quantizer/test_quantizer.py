"""Merged models in int8 and int4: the real child on the CPU, and what plain transformers loads of what it leaves."""

import json
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from finetune_app.jobs.causes import Cause  # noqa: E402
from finetune_app.merges.export_options import QuantizedScheme  # noqa: E402
from tests.tiny import tiny_base  # noqa: E402
from workers.child import ChildFailure  # noqa: E402
from workers.merge_spec import MergeSpec  # noqa: E402
from workers.quantizer.__main__ import make  # noqa: E402
from workers.quantizer.layers import layers_of  # noqa: E402
from workers.quantizer.scheme import quantize, scheme_for  # noqa: E402
from workers.quantizer.spec import QuantizeSpec  # noqa: E402
from workers.quantizer.write import write_quantized  # noqa: E402
from workers.spec import SPEC_NAME, BaseDigests  # noqa: E402

NOTHING = dict.fromkeys(BaseDigests.model_fields, "")
IDS = torch.arange(3, 60)[None]


def lay_out(folder: Path, scheme: str, *, model: Path | None = None) -> Path:
    """A run folder with the tiny base as the merged model, or the one in `model`."""
    shutil.copytree(model or tiny_base(), folder / "merged")
    spec = QuantizeSpec(
        scheme=scheme,
        base="adder@1/1",
        base_folder="merged",
        base_digests=NOTHING,
        adapter="adder@1",
        manifest_sha256="",
        options={},
    )
    (folder / SPEC_NAME).write_text(spec.model_dump_json())
    return folder


@pytest.fixture(scope="module", params=["int8", "int4"])
def made(request, tmp_path_factory):
    """The scheme, the folder that the child left, and what it told."""
    folder = lay_out(tmp_path_factory.mktemp(request.param), request.param)
    return request.param, folder / "result", make(folder)


def write(source: Path, target: Path, scheme: str) -> None:
    """Without the comparison."""
    layers = layers_of(source, trust_remote_code=False)
    write_quantized(source, target, layers, scheme_for(QuantizedScheme(scheme), layers.quantized.values()))


def logits_of(folder: Path) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        return model(IDS).logits[0]


def kl(reference: torch.Tensor, other: torch.Tensor) -> float:
    reference, other = reference.log_softmax(-1), other.log_softmax(-1)
    return (reference.exp() * (reference - other)).sum(-1).mean().item()


def test_plain_transformers_loads_it_and_it_answers_nearly_as_before(made):
    scheme, result, told = made
    distance = kl(logits_of(tiny_base()), logits_of(result))
    assert 0 < distance < {"int8": 0.001, "int4": 0.15}[scheme]
    assert told["compared"]["kl"] == pytest.approx(distance, rel=1)  # on other text: the same order of magnitude
    assert told["compared"]["top1"] > {"int8": 0.97, "int4": 0.4}[scheme]
    assert (told["compared"]["prompts"], told["compared"]["positions"] > 64) == (64, True)


def test_linear_layers_are_packed_and_all_else_is_as_it_was(made):
    scheme, result, told = made
    before, after = load_file(tiny_base() / "model.safetensors"), load_file(result / "model.safetensors")
    layers = {name.removesuffix(".weight_packed") for name in after if name.endswith(".weight_packed")}
    assert len(layers) == told["layers"] == 14
    for name, tensor in before.items():
        layer = name.removesuffix(".weight")
        if layer in layers:
            assert name not in after
            assert after[f"{layer}.weight_packed"].nbytes * {"int8": 2, "int4": 4}[scheme] == tensor.nbytes
        else:
            assert torch.equal(after[name], tensor)
    assert told["weight_bytes"]["quantized"] < told["weight_bytes"]["merged"] * {"int8": 0.7, "int4": 0.55}[scheme]


def test_only_the_output_head_and_embeddings_are_left_and_the_config_says_so(made):
    _, result, told = made
    config = json.loads((result / "config.json").read_text())["quantization_config"]
    assert (config["quant_method"], config["format"]) == ("compressed-tensors", "pack-quantized")
    assert config["ignore"] == told["left"] == ["lm_head"]


def test_tokenizer_template_and_generation_config_go_along(made):
    _, result, _ = made
    for path in tiny_base().iterdir():
        if path.name not in {"config.json", "model.safetensors"}:
            assert (result / path.name).read_bytes() == path.read_bytes()
    tokenizer = AutoTokenizer.from_pretrained(result)
    assert tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False).startswith("<|im_start|>")


def test_the_same_model_gives_the_same_bytes(made, tmp_path):
    scheme, result, _ = made
    write(tiny_base(), tmp_path / "again", scheme)
    for path in result.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_shards_stay_shards_and_the_index_names_every_tensor(tmp_path):
    source, result = tmp_path / "sharded", tmp_path / "result"
    AutoModelForCausalLM.from_pretrained(tiny_base(), dtype="auto").save_pretrained(source, max_shard_size="100KB")
    write(source, result, "int8")
    index = json.loads((result / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) == len(list(source.glob("*.safetensors"))) > 1
    for name, shard in index["weight_map"].items():
        with safe_open(result / shard, framework="pt") as file:
            assert name in file.keys()  # noqa: SIM118
    assert kl(logits_of(tiny_base()), logits_of(result)) < 0.001


@pytest.mark.parametrize("scheme", list(QuantizedScheme))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_no_weight_is_off_by_more_than_half_a_step_of_its_scale(scheme, dtype):
    from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32

    chosen = scheme_for(scheme, [128])
    weight = torch.randn(8, 128, generator=torch.Generator().manual_seed(0)).to(dtype)
    parts = quantize(weight, chosen)
    assert parts["weight_scale"].dtype == dtype
    integers = unpack_from_int32(parts["weight_packed"], chosen.weights.num_bits, torch.Size(parts["weight_shape"]))
    scale = parts["weight_scale"].float()
    steps = (weight.float() / scale - integers).abs()
    # A scale that was rounded down leaves the largest values a little more.
    assert steps.max() <= 0.5 + 2 ** (chosen.weights.num_bits - 1) * torch.finfo(dtype).eps
    assert steps.mean() < 0.26


@pytest.mark.parametrize(
    ("columns", "group"), [([128, 256], 128), ([128, 192], 64), ([96, 128], 32), ([4096, 11008], 128)]
)
def test_one_group_size_serves_all_layers(columns, group):
    assert scheme_for(QuantizedScheme.INT4, columns).weights.group_size == group
    assert scheme_for(QuantizedScheme.INT8, columns).weights.group_size is None


def refusal(folder: Path) -> str:
    with pytest.raises(ChildFailure) as caught:
        layers_of(folder, trust_remote_code=False)
    assert caught.value.cause is Cause.EXPORT_UNFIT
    return caught.value.detail


def test_what_is_quantized_already_is_refused(made):
    assert "quantized already" in refusal(made[1])


def test_experts_are_refused_since_they_lie_in_other_tensors(tmp_path):
    from transformers import MixtralConfig, MixtralForCausalLM

    config = MixtralConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, num_local_experts=2,
    )  # fmt: skip
    MixtralForCausalLM(config).save_pretrained(tmp_path)
    assert "experts" in refusal(tmp_path)


def test_a_model_without_linear_layers_is_refused(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=32, n_embd=32, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    assert "no linear layers" in refusal(tmp_path)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    source = shutil.copytree(tiny_base(), tmp_path / "source")
    tensors = load_file(source / "model.safetensors")
    tensors["model.layers.0.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ChildFailure, match="not finite"):
        make(lay_out(tmp_path / "run", "int8", model=source))


def test_the_order_is_a_merges_with_the_merged_model_in_the_bases_place(tmp_path):
    spec = QuantizeSpec.load(lay_out(tmp_path, "int4"))
    assert isinstance(spec, MergeSpec)
    assert spec.base_folder == tmp_path / "merged"
