"""The home page knows the sample job by its dataset; the web may not import the workers, so the name stands twice."""

from finetune_app.home.guide import SAMPLE_DATASET
from workers.demo.prepare import DATASET_NAME


def test_the_home_page_and_the_demo_mean_the_same_dataset():
    assert SAMPLE_DATASET == DATASET_NAME
