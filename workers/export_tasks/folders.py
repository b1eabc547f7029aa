"""The folders inside an export's run folder, for the worker and its children. Pure."""

MERGED_FOLDER = "merged"  # the merged model's files, as they are downloaded; read-only
RESULT_FOLDER = "result"  # what the child leaves to be kept
