"""The options of what happens beside the steps: held-out rows, stopping, what is kept. Pure."""

from pydantic import BaseModel

from finetune_app.jobs.options import option


class EvaluationOptions(BaseModel):
    """How the run is watched and what of it is kept."""

    held_out_share: float = option(
        0.1,
        title="Held-out share",
        group="evaluation",
        simple=True,
        ge=0.0,
        le=0.5,
        help="The share of rows kept out of training and used to score the base and the tuned model. Rows that name "
        "their own “split” decide for themselves, and this is not used.",
    )
    held_out_max_rows: int = option(
        30,
        title="Held-out rows scored",
        group="evaluation",
        simple=True,
        ge=1,
        le=1000,
        help="At most this many held-out rows are scored: each is answered twice, by the base and by the tuned model.",
    )
    eval_steps: int | None = option(
        None,
        title="Evaluate every … steps (eval_steps)",
        group="evaluation",
        ge=1,
        le=1_000_000,
        help="How often the held-out rows are looked at while training. Empty: about five times in a run.",
    )
    early_stopping_patience: int | None = option(
        None,
        title="Early stopping (early_stopping_patience)",
        group="evaluation",
        ge=1,
        le=1000,
        help="Ends the run when the held-out loss has not fallen for so many evaluations. Empty: never.",
    )
    early_stopping_threshold: float = option(
        0.0,
        title="Smallest gain (early_stopping_threshold)",
        group="evaluation",
        ge=0.0,
        le=100.0,
        help="By how much the held-out loss must fall to count as better.",
    )
    load_best_model_at_end: bool = option(
        True,
        title="Keep the best checkpoint",
        group="evaluation",
        simple=True,
        help="The adapter version is made of the evaluated step with the lowest held-out loss. Off: of the last step.",
    )
    sample_generations: int = option(
        3,
        title="Sample answers",
        group="evaluation",
        ge=0,
        le=20,
        help="So many held-out questions are answered at each evaluation, so that you can watch the model change.",
    )
    save_steps: int | None = option(
        None,
        title="Checkpoint every … steps (save_steps)",
        group="evaluation",
        ge=1,
        le=1_000_000,
        help="How often all that is needed to go on is kept. Empty: at each evaluation, and at least every "
        "ten minutes.",
    )
