"""The registry: base models, adapters, versions, downloads."""
