"""A registry beside the runs, for the tests of tools and agents: a base model, and two that were made from it.

Owns those models, their metrics and scores. It must not say what a right answer is.
"""

from pathlib import Path

from lightml.connections import writing
from lightml.handle import LightMLHandle
from lightml.registry import put_model, put_run

SOURCE = "3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"
"""The tracker's run that `llama-sft` is said to come from."""

MMLU = {
    "base": [1] * 40 + [0] * 60,
    "llama-sft": [1] * 75 + [0] * 25,
    "llama-dpo": [1] * 77 + [0] * 23,
}
"""Per-sample scores: the last two cannot be told apart."""

HELLASWAG = {"base": 0.5, "llama-sft": 0.61, "llama-dpo": 0.6}


def write_registry(store: Path) -> Path:
    """Writes the models into a store: `twin` in two runs, scores for mmlu alone, a link from `llama-sft` to a run."""
    handle = LightMLHandle(str(store), "llama")
    handle.register_model("base", path="/m/base")
    handle.register_model("llama-sft", parent_name="base", path="/m/llama-sft-v2")
    handle.register_model("llama-dpo", parent_name="llama-sft")
    for name, scores in MMLU.items():
        handle.log_model_metric(name, "mmlu", "acc", sum(scores) / len(scores), scores=scores)
        handle.log_model_metric(name, "mmlu", "acc_stderr", 0.013)
        handle.log_model_metric(name, "hellaswag_0shot", "acc", HELLASWAG[name])
    handle.log_model_metric("base", "wikitext", "perplexity", 8.1)
    handle.log_model_metric("llama-sft", "wikitext", "perplexity", 7.2)
    for step in (100, 200):
        handle.register_checkpoint("llama-sft", step)
    for run in ("llama", "other"):
        LightMLHandle(str(store), run).register_model("twin")
    with writing(str(store)) as connection:
        put_model(connection, put_run(connection, "llama"), "llama-sft", None, source_run_id=SOURCE)
    return store
