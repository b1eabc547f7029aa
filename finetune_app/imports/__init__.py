"""What imports of datasets, base models and adapters share: files that were sent or are to be fetched by a worker."""
