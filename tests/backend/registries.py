"""Registries for the tests of `/registry`, made through the library, in a file or in a PostgreSQL database."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from lightml.database import Database
from lightml.handle import LightMLHandle
from tests.backend.stores import url_at

RIGHT = [1] * 40 + [0] * 10
WORSE = [1] * 20 + [0] * 30


def place_at(path: Path) -> Database:
    """Gives the place of a registry beside the runs of a store: the file, or the database that the path stands for."""
    return url_at(path) or path


def fill(path: Path) -> dict[str, int]:
    """Makes a small registry: a base model, one tuned from it twice, a checkpoint; gives the models' ids by name.

    A file or database that is there gains it; elsewhere it is a copy, because many tests want one.
    """
    if path.exists() or url_at(path) is not None:
        return _register(place_at(path))
    content, ids = _made()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return dict(ids)


@cache
def _made() -> tuple[bytes, dict[str, int]]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        ids = _register(path)
        return path.read_bytes(), ids


def _register(place: Database) -> dict[str, int]:
    base, sft = LightMLHandle(place, "base"), LightMLHandle(place, "llama-sft")
    ids = {
        "llama": base.register_model("llama", path="/models/llama"),
        "llama-sft": sft.register_model("llama-sft", path="/models/llama-sft", parent_name="llama"),
    }
    ids["llama-dpo"] = sft.register_model("llama-dpo", parent_name="llama-sft")
    base.log_model_metric("llama", "mmlu", "acc", 0.4, scores=WORSE)
    sft.log_model_metric("llama-sft", "mmlu", "acc", 0.8, scores=RIGHT)
    sft.log_model_metric("llama-dpo", "mmlu", "acc", 0.8)
    base.log_model_metric("llama", "wiki", "perplexity", 12.5)
    sft.log_model_metric("llama-sft", "wiki", "perplexity", 14.0)
    checkpoint = sft.register_checkpoint("llama-sft", 100, "/models/llama-sft/100")
    sft.log_checkpoint_metric(checkpoint, "mmlu", "acc", 0.6)
    return ids
