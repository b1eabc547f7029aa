"""What can be done with jobs: the only place that changes their rows.

In the order of a job's life:

`create_job` → `claim_next_job` → `record_events` (again and again) → `end_attempt`; `cancel_job` and `sweep` beside
them; `move_job` is the compare-and-set below all. `read_records` and `follow_records` give the lines back.
"""
