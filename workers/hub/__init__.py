"""Reading repositories of the Hugging Face hub, datasets and models alike: setting up its library, files, errors."""
