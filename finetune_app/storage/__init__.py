"""Content-addressed files on disk or S3."""
