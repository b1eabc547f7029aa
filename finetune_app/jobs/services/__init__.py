"""What can be done with jobs: the only place that changes their rows.

In the order of a job's life:

`create_job` → `claim_next_job` → `record_events` and `keep_checkpoint` (again and again) → `end_attempt`; `pause_job`,
`resume_job`, `cancel_job` and `sweep` beside them; `retry_job` after the end; `move_job` is the compare-and-set below
all. `read_records` and `follow_records` give the lines back.
"""
