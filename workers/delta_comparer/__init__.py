"""Child program: how much each layer was changed by adapter versions, and how alike their changes are."""
