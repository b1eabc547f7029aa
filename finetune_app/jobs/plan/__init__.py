"""What a job will need before it runs: memory, time, and the plan that fits a device. Pure: no Django, no torch.

`shapes.py` reads the model's sizes, `rows.py` what a batch holds, `memory_model.py` and `time_model.py` predict,
`choose.py` picks the fastest plan that fits a device, `fit.py` judges it and says what would make it fit.
"""
