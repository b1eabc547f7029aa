"""A child that pushes a merged model to the Hugging Face hub, as one commit."""
