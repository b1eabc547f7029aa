"""Child program: loads a merged model from disk anew and measures whether it behaves as base and adapter do."""
