"""What the tests of keeping house share."""

from tests.storage.fixtures import s3_endpoint, storage

__all__ = ["s3_endpoint", "storage"]
