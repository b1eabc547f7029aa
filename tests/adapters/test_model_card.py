"""The model card: what Hugging Face reads of it, and what a person does."""

import ast
import re
from datetime import UTC, datetime

import yaml

from adapters.manifest import Ancestor, Lineage
from adapters.model_card import model_card
from tests.adapters.makers import make_lineage
from tests.adapters.test_manifest import BASE


def card(lineage: Lineage | None = None, **changes: object) -> str:
    parts = {
        "adapter": "adder",
        "version": 2,
        "created_at": datetime(2026, 3, 4, tzinfo=UTC),
        "base": BASE,
        "lineage": lineage or make_lineage(),
        "has_tokenizer": True,
    }
    return model_card(**parts | changes)


def front_matter(text: str) -> dict[str, object]:
    return yaml.safe_load(text.split("---\n")[1])


def test_the_front_matter_is_what_hugging_face_reads():
    assert front_matter(card(license="apache-2.0")) == {
        "base_model": "tiny",
        "library_name": "peft",
        "license": "apache-2.0",
        "pipeline_tag": "text-generation",
        "tags": ["lora"],
    }


def test_an_unknown_license_is_not_made_up():
    assert "license" not in card()


def test_a_base_name_that_looks_like_a_number_stays_a_name():
    assert front_matter(card(base=BASE.model_copy(update={"name": "1.0"})))["base_model"] == "1.0"


def test_the_scores_stand_side_by_side():
    text = card()
    assert "Measured on 30 held-out rows" in text
    assert "| Exact match | 0 % | 96.7 % |" in text
    assert "| Loss | 3.200 | 0.081 |" in text


def test_without_scores_there_is_no_such_section():
    assert "## Scores" not in card(make_lineage(scores=None))


def test_all_facts_are_there():
    text = card()
    for fact in (
        BASE.weights_root,
        BASE.chat_template_digest,
        make_lineage().dataset_sha256,
        "| peft | 0.21.2 |",
        "job 7",
    ):
        assert fact in text
    assert '| `target_modules` | `["q_proj", "v_proj"]` |' in text


def test_rows_of_the_dataset_are_not_in_it():
    assert "Where is my parcel?" not in card()


def test_a_value_cannot_break_the_table():
    text = card(make_lineage(config={"note": "a | b\nc"}))
    assert "| `note` | `a \\| b c` |" in text


def test_the_python_lines_are_python_and_name_what_there_is():
    for has_tokenizer, source in ((True, "adder-v2"), (False, "tiny")):
        code = re.search(r"```python\n(.*?)\n```", card(has_tokenizer=has_tokenizer), re.DOTALL)[1]
        ast.parse(code)
        assert 'PeftModel.from_pretrained(base, "adder-v2")' in code
        assert f'AutoTokenizer.from_pretrained("{source}")' in code


def test_it_says_where_the_rows_were_fetched_from() -> None:
    source = {"kind": "hub", "repo_id": "org/name", "text": "Hugging Face hub: org/name, train, commit 0123456789ab"}
    assert "Fetched from Hugging Face hub: org/name" in card(make_lineage(dataset_sources=[source]))
    assert "Fetched" not in card()


def test_method_ancestor_and_kept_step_are_told():
    ancestor = Ancestor(adapter="adder", version=1, manifest_sha256="0" * 64)
    config = make_lineage().config | {"method": "dpo", "load_best_model_at_end": True}
    text = card(make_lineage(continues=ancestor, config=config, facts={"best_step": 40}))
    assert "(DPO)" in text
    assert "It continued from **adder@1**." in text
    assert "It is that of step 40, the best on held-out rows." in text


def test_a_fresh_adapter_of_the_last_step_claims_neither():
    text = card(make_lineage(facts={"best_step": 40}))
    assert "(SFT)" in text
    assert "continued from" not in text
    assert "the best on held-out rows" not in text
