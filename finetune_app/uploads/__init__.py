"""Files on their way in, in pieces, so that a broken connection costs one piece: the tus protocol."""
