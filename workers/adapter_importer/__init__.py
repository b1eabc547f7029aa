"""Child program: an adapter that was made elsewhere is fetched, unpacked and checked against a base model."""
