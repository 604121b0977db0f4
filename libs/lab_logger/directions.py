"""Which way a metric is better, told from its name.

Owns the words that say so. The rule is a heuristic, the one people read by: losses, errors, distances, times and sizes
are better low, everything else is better high.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

Order = Literal["asc", "desc"]
"""How a ranking runs: the least value first, or the greatest."""

_UNITS_OF_SIZE: Final = frozenset({"bytes", "kb", "mb", "gb", "tb", "kib", "mib", "gib"})
_UNITS_OF_TIME: Final = frozenset({"s", "ms", "us", "ns", "sec", "secs", "seconds", "h"})
_AMOUNTS: Final = _UNITS_OF_SIZE | _UNITS_OF_TIME | {"flops", "size", "per"}
"""What says nothing of the worth of a rate: more megabytes per second are better, more errors per second are not."""

_LOW_WORDS: Final = frozenset(
    {
        "loss", "losses", "nll", "ce", "bce", "xent", "entropy", "kl", "kld", "kldiv", "divergence", "deviance", "aic",
        "bic", "error", "errors", "err", "errs", "mse", "mae", "mape", "smape", "rmsle", "msle", "rmsd", "wer", "cer",
        "ter", "eer", "ece", "brier", "hinge", "perplexity", "ppl", "bpc", "bpb", "fid", "kid", "lpips", "distance",
        "wasserstein", "hausdorff", "chamfer", "levenshtein", "mmd", "regret", "runtime", "duration", "latency",
        "delay", "lag", "seconds", "minutes", "hours", "elapsed", "time", "walltime", "memory", "mem", "vram", "ram",
        "overhead", "flops", "size", "cost", "price", "energy", "fpr", "fnr", "false", "incorrect", "wrong", "missed",
        "miss", "mistakes", "misclassified", "misclassification", "failure", "failures", "failed", "violations",
        "collisions", "toxicity", "hallucination", "hallucinations", "overfit", "overfitting", "gap", "drop",
        "degradation", "std", "stddev", "stderr", "residual",
    }
)  # fmt: skip
_LOW_ENDINGS: Final = (
    "loss", "error", "err", "entropy", "latency", "runtime", "perplexity", "mse", "mae", "mape", "divergence",
)  # fmt: skip
_HIGH_WORDS: Final = frozenset(
    {
        "accuracy", "acc", "auc", "auroc", "auprc", "f1", "fscore", "precision", "recall", "sensitivity", "specificity",
        "tpr", "tnr", "r2", "iou", "miou", "dice", "map", "ndcg", "mrr", "bleu", "rouge", "elbo", "likelihood",
        "loglikelihood", "reward", "throughput", "speedup", "correlation", "similarity", "correct", "saved",
        "savings", "improvement", "reduction", "decrease",
    }
)  # fmt: skip
_HIGH_IN_NATURE: Final = frozenset({"likelihood", "loglikelihood", "elbo"})
"""What is better low with a minus before it. Of other words, such as recall, `neg` names the negative class."""

_RATE: Final = re.compile(r"(?:per_|/)(?:s|sec|second|min|minute|h|hour)$")
_RELATION: Final = frozenset({"per", "at", "to", "until", "under", "given", "vs"})
_PARTS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")


def better_order(metric_name: str) -> Order:
    """Gives the order that ranks the best value of a metric first.

    Words may be parted by anything, or by capitals. The last word that says which way decides, as in English, and
    before `per`, `at` or `to` rather than after: `error_reduction` and `tpr_at_fpr` are better high.

    Returns:
        "asc" where less is better, as for `val_loss` or `runtimeS`; "desc" otherwise, also for a name that says
        nothing.
    """
    words = [word.lower() for word in _PARTS.split(metric_name) if word]
    if _RATE.search("_".join(words)) or _RATE.search(metric_name.lower()):
        words = [word for word in words if word not in _AMOUNTS]
    relation = next((at for at, word in enumerate(words) if word in _RELATION), len(words))
    is_low = _is_low(words[:relation], is_ratio=words[relation : relation + 1] == ["per"])
    if is_low is None:
        is_low = _is_low(words)
    if is_low is None:
        is_low = not _UNITS_OF_SIZE.isdisjoint(words) or (len(words) > 1 and words[-1] in _UNITS_OF_TIME)
    return "asc" if is_low else "desc"


def _is_low(words: Sequence[str], *, is_ratio: bool = False) -> bool | None:
    """Tells whether less is better; None when no word says."""
    if is_ratio and words and words[-1] in _UNITS_OF_TIME | {"bits"}:
        return True
    for at in range(len(words) - 1, -1, -1):
        is_low = _says_low(words[at])
        if is_low is not None:
            return is_low != _is_negated(words, at, is_low=is_low)
    return None


def _says_low(word: str) -> bool | None:
    if word in _HIGH_WORDS:
        return False
    bare = re.sub(r"\d+k?$", "", word)
    return True if bare in _LOW_WORDS or bare.endswith(_LOW_ENDINGS) else None


def _is_negated(words: Sequence[str], at: int, *, is_low: bool) -> bool:
    """Tells whether the value carries a minus, as scikit-learn's `neg_mean_squared_error` does."""
    minus = next((place for place, word in enumerate(words[:at]) if word in ("neg", "negative")), None)
    if minus is None or (minus and words[minus - 1] in ("true", "false")):
        return False
    return is_low or words[at] in _HIGH_IN_NATURE
