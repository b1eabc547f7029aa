"""The fast way to train on answers: rows end to end without padding, and the loss over learned tokens only.

`batch.py` lays rows end to end, `attention.py` keeps them apart, `head_loss.py` computes the loss without a tensor of
all logits, `masters.py` steps bfloat16 weights through float32 copies, `kernels.py` takes Liger's fused kernels, and
`trainer.py` puts them into trl's trainer. Nothing in a step waits for the device.
"""
