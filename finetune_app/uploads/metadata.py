"""The header `Upload-Metadata` of the tus protocol: `name base64value,name base64value`. Pure.

Source: https://tus.io/protocols/resumable-upload, section “Upload-Metadata”.
"""

import base64

from finetune_app.errors import UserError


def parse_metadata(header: str) -> dict[str, str]:
    """Names and decoded values; a name without a value has the value "".

    Raises:
        UserError: `invalid_metadata`.
    """
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value.strip(), validate=True).decode()
        except ValueError:  # not Base64, not ASCII, or not UTF-8
            raise UserError(
                "invalid_metadata", f"The value of “{name[:40]}” in Upload-Metadata is not Base64 of UTF-8.", status=400
            ) from None
    return found
