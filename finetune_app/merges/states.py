"""What a merge adds to, what it rounds to, how it ended, and what a merged model can leave as. Pure."""

from enum import StrEnum


class Onto(StrEnum):
    """The base's weights that the adapter's change is added to."""

    ORIGINAL = "original"  # as they lie in the base's files
    QUANTIZED = "quantized"  # after the way to nf4 and back, as the training of a QLoRA adapter saw them


class WeightsDtype(StrEnum):
    """What the merged weights are rounded to, once; torch's names."""

    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    FLOAT32 = "float32"


class Verdict(StrEnum):
    """What the proof says of a merged model."""

    VERIFIED = "verified"
    REJECTED = "rejected"


class ExportKind(StrEnum):
    """What a merged model leaves as, or where it goes."""

    GGUF = "gguf"
    QUANTIZED = "quantized"
    HUB = "hub"
    OCI = "oci"
    FOLDER = "folder"


COMPUTED_EXPORTS = (ExportKind.GGUF, ExportKind.QUANTIZED)
"""Those that compute, on a training worker; the others move bytes, on a light one."""
