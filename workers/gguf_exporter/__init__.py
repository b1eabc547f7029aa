"""Child: a merged model becomes one GGUF file, which is read back, and asked a question where llama.cpp is there."""
