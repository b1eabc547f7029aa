"""Child program: a merged model's linear layers in int8 or int4, as compressed-tensors packs them."""
