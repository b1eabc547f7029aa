"""The whole proof of one merge: chooses prompts, looks at the files, runs one model after the other, and reports."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn.modules import Linear4bit
from transformers import AutoConfig

from finetune_app.jobs.causes import Cause
from finetune_app.jobs.states import Phase
from finetune_app.merges.report import REPORT_NAME, MergeReport
from finetune_app.merges.states import Onto
from workers.base_check import check_base_digests
from workers.child import ChildFailure
from workers.loading import embedding_rows, library_versions, peak_memory_bytes
from workers.merge_prover.asked import AskedChanges
from workers.merge_prover.measured import Measured
from workers.merge_prover.models import (
    choose_place,
    load_plain,
    load_quantized,
    make_room,
    require_mergeable,
    with_adapter,
)
from workers.merge_prover.prompts import prompts_of
from workers.merge_prover.reference import Reference, positions_for, run_through
from workers.merge_prover.reporting import Findings, make_report
from workers.merge_prover.tensors import Files, RoundTrips, TensorCheck, TensorFindings
from workers.merge_prover.tokenizers import load_reference_tokenizer, tokenizer_differences
from workers.merge_spec import ADAPTER_FOLDER, FACTS_NAME, MERGED_FOLDER, OTHER_FOLDER, MergeFacts, MergeSpec
from workers.out_of_memory import release_memory
from workers.precision import short_dtype
from workers.progress import Progress

ORIGINAL = "the base with the adapter beside it"
AS_TRAINED = "the base in 4 bits with the adapter beside it, as it was trained"
OTHER_WAY = {Onto.ORIGINAL: Onto.QUANTIZED, Onto.QUANTIZED: Onto.ORIGINAL}


def prove(run_folder: Path) -> MergeReport:
    """Write the report of what lies in the run folder, and remove the other way of the merge.

    Raises:
        ChildFailure: a file is missing, or the base is not the registered one.
    """
    spec = MergeSpec.load(run_folder)
    require_mergeable(run_folder / ADAPTER_FOLDER)
    for name in (MERGED_FOLDER, FACTS_NAME):
        if not (run_folder / name).exists():
            raise ChildFailure(Cause.FILES_MISSING, f"The run folder has no {name}.")
    check_base_digests(spec.base_folder, spec.base_digests, spec.base)
    proof = _Proof(run_folder, spec)
    try:
        report = proof.run()
    finally:
        for reference in proof.references:
            reference.drop()
    partial = run_folder / f".{REPORT_NAME}"
    partial.write_text(report.model_dump_json())
    partial.replace(run_folder / REPORT_NAME)
    shutil.rmtree(run_folder / OTHER_FOLDER, ignore_errors=True)
    return report


class _Proof:
    """One proof. Models are local to the methods that run them, so that never two are there at once."""

    def __init__(self, folder: Path, spec: MergeSpec) -> None:
        self._began = time.monotonic()
        self._folder, self._spec = folder, spec
        self._adapter, self._merged = folder / ADAPTER_FOLDER, folder / MERGED_FOLDER
        self._facts = MergeFacts.model_validate_json((folder / FACTS_NAME).read_text())
        self._onto = spec.options.onto if spec.is_quantized else Onto.ORIGINAL
        self._compares = spec.is_quantized and (folder / OTHER_FOLDER).is_dir()
        self._place = choose_place(spec.base_folder, spec.options.dtype)
        self._tokenizer = load_reference_tokenizer(spec, self._adapter)
        references = 2 if self._compares and self._onto is Onto.ORIGINAL else 1
        config = AutoConfig.from_pretrained(
            spec.base_folder, local_files_only=True, trust_remote_code=spec.trust_remote_code
        )
        positions = positions_for(spec.options.prompts, config.get_text_config().vocab_size, references)
        self._prompts = prompts_of(spec, self._tokenizer, positions)
        self._files = Files(self._merged)
        self.references: list[Reference] = []
        passes = 3 + 2 * self._compares - (self._compares and self._onto is Onto.QUANTIZED)
        self._progress = Progress(Phase.PROVING, passes * len(self._prompts) + len(self._files.stored))

    def run(self) -> MergeReport:
        """All of it, in the order that needs the least memory and disk."""
        base, adapter, tensors, known_problems = self._run_reference()
        trained = self._references_of_training()
        merged, problems, differences = self._run_merged(trained)
        ways = {}
        if self._compares:
            ways = {self._onto: merged[-1], OTHER_WAY[self._onto]: self._run_other(trained)}
        found = Findings(
            prompts=self._prompts,
            tensors=tensors,
            adapter_tensors=self._facts.adapter_tensors,
            used=min(self._facts.used, self._facts.adapter_tensors - len(tensors.unknown)),
            reference=ORIGINAL if self._onto is Onto.ORIGINAL else AS_TRAINED,
            base=base,
            adapter=adapter,
            merged=merged[0],
            ways=ways,
            load_problems=sorted(problems - known_problems),
            tokenizer_differences=differences,
        )
        return make_report(found, self._spec.options.dtype, self._report_facts())

    def _run_reference(self) -> tuple[Measured, Measured, TensorFindings, set[str]]:
        """The base, then with its adapter: keeps what the merged model is compared with."""
        if self._onto is Onto.QUANTIZED:
            model, problems = self._load_quantized()
            tensors = self._check_tensors(_round_trips(model))
        else:
            tensors = self._check_tensors({})
            model, problems = self._load(self._spec.base_folder)
        return *self._keep_tuned(model), tensors, problems

    def _check_tensors(self, round_trips: RoundTrips) -> TensorFindings:
        asked = AskedChanges(
            self._spec.base_folder,
            self._adapter,
            self._place.device,
            trust_remote_code=self._spec.trust_remote_code,
        )
        check = TensorCheck(
            Files(self._spec.base_folder),
            self._files,
            asked,
            dtype=self._spec.options.dtype,
            round_trips=round_trips,
            device=self._place.device,
        )
        end = len(self._files.stored)
        found = check.run(lambda count: self._progress.reach(min(end, self._progress.done + count)))
        self._progress.reach(end)
        return found

    def _keep_tuned(self, model: Any) -> tuple[Measured, Measured]:
        """Run the base and base with adapter; the reference's file has the base's logits until the adapter's come."""
        base, tuned = Measured(self._prompts), Measured(self._prompts)
        of_base = self._reference()

        def take_base(index: int, logits: torch.Tensor) -> None:
            base.take(index, logits, None)
            of_base.keep(index, logits)

        self._through(model, take_base)
        reference = self._reference() if make_room(model, self._adapter) else of_base

        def take(index: int, logits: torch.Tensor) -> None:
            tuned.take(index, logits, of_base)
            reference.keep(index, logits)

        self._through(with_adapter(model, self._adapter), take)
        if reference is not of_base:
            of_base.drop()
            self.references.remove(of_base)
        return base, tuned

    def _references_of_training(self) -> list[Reference]:
        """The reference of the merge, and that of the training beside it, which may be the same."""
        (reference,) = self.references
        if not self._compares:
            return [reference]
        if self._onto is Onto.QUANTIZED:
            return [reference, reference]
        trained = self._reference()
        model, _ = self._load_quantized()
        make_room(model, self._adapter)
        self._through(with_adapter(model, self._adapter), trained.keep)
        return [reference, trained]

    def _run_merged(self, references: list[Reference]) -> tuple[list[Measured], set[str], list[str]]:
        """The merged model from disk, beside each of the references."""
        model, problems = self._load(self._merged)
        found = [Measured(self._prompts) for _ in references]

        def take(index: int, logits: torch.Tensor) -> None:
            for measured, reference in zip(found, references, strict=True):
                measured.take(index, logits, reference)

        self._through(model, take)
        differences = tokenizer_differences(
            self._tokenizer,
            self._merged,
            [prompt.text for prompt in self._prompts],
            rows=embedding_rows(model),
            trust_remote_code=self._spec.trust_remote_code,
        )
        return found, problems, differences

    def _run_other(self, references: list[Reference]) -> Measured:
        model, _ = self._load(self._folder / OTHER_FOLDER)
        found = Measured(self._prompts)
        self._through(model, lambda index, logits: found.take(index, logits, references[-1]))
        return found

    def _load(self, folder: Path) -> tuple[Any, set[str]]:
        release_memory()  # of the model before
        return load_plain(folder, self._place, trust_remote_code=self._spec.trust_remote_code)

    def _load_quantized(self) -> tuple[Any, set[str]]:
        release_memory()
        return load_quantized(self._spec, self._place)

    def _through(self, model: Any, take: Callable[[int, torch.Tensor], Any]) -> None:
        run_through(model, self._prompts, take, self._progress.add)

    def _reference(self) -> Reference:
        reference = Reference(self._folder / f"logits-{len(self.references)}", self._prompts)
        self.references.append(reference)
        return reference

    def _report_facts(self) -> dict[str, Any]:
        return {
            "device": self._place.name,
            "compute_dtype": short_dtype(self._place.dtype),
            "libraries": library_versions(),
            "seconds": round(time.monotonic() - self._began, 1),
            "peak_memory_bytes": peak_memory_bytes(),
            "merge_device": self._facts.device,
            "merge_seconds": round(self._facts.seconds, 1),
            "merge_peak_ram_bytes": self._facts.peak_ram_bytes,
            "merge_peak_gpu_bytes": self._facts.peak_gpu_bytes,
        }


def _round_trips(model: Any) -> RoundTrips:
    """The weights of each layer that was quantized, as they come back, by their names in the base's files."""

    def came_back(layer: Any) -> Callable[[], torch.Tensor]:
        return lambda: dequantize_4bit(layer.weight.data, layer.weight.quant_state)

    return {
        f"{name}.weight": came_back(module) for name, module in model.named_modules() if isinstance(module, Linear4bit)
    }
