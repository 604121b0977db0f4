import pytest

from tools.directions import better_order, order_text

LOW = [
    "loss", "losses", "val_loss", "valLoss", "trainLoss", "trainLossEpoch", "MSELoss", "NLLLoss", "eval/loss",
    "loss/train", "loss1", "loss_epoch", "loss_std", "log_loss", "logloss", "hamming_loss", "cross_entropy",
    "binary_crossentropy", "nll", "neg_log_likelihood", "negative_log_likelihood", "neg_elbo", "perplexity", "ppl",
    "bits_per_byte", "bits_per_char", "kl_divergence", "KLDiv", "brier_score", "error_rate", "top1_err", "top1err",
    "word_error_rate", "wer", "cer", "mean_absolute_error", "MAE", "rmse", "RMSE", "valRMSE", "testMSE", "nrmse",
    "rmse_test", "mistakes_per_episode", "errors_per_second", "miss_rate", "false_positive_rate", "falsePositives",
    "fpr", "accuracy_loss", "accuracy_drop", "accuracy_std", "generalization_gap", "cosine_distance", "regret",
    "fid", "fid50k", "FID50k", "aic", "runtime_s", "runtimeS", "eval_runtime", "epoch_time", "epochTime",
    "train_time", "duration_min", "latency_p99", "p95_latency", "end_to_end_latency", "inference_ms", "inferenceMs",
    "seconds_per_epoch", "ms_per_step", "time_per_sample", "time_to_accuracy", "gpu_hours", "max_memory_mb",
    "memoryGB", "peak_mem_mib", "weights_mb", "model_size_mb", "cost_per_hour", "energy_kwh",
]  # fmt: skip
HIGH = [
    "accuracy", "acc", "val_acc", "top5_acc", "top5Acc", "per_class_accuracy", "f1", "f1_macro", "F1Macro", "auc",
    "roc_auc", "mAP", "mAP50", "map", "iou", "mIoU", "r2", "r2_score", "bleu", "rouge_l", "psnr", "score",
    "success_rate", "reward_per_episode", "reward_min", "accuracy_min", "explained_variance", "log_likelihood",
    "loglikelihood", "elbo", "recall@5", "hits@10", "cosine_similarity", "neg_mean_squared_error", "neg_log_loss",
    "mean_test_neg_log_loss", "neg_precision", "negative_predictive_value", "true_negative_rate", "tpr_at_fpr",
    "tpr_at_fpr_0.01", "precision_at_latency", "error_detection_accuracy", "loss_detection_f1", "error_reduction",
    "loss_reduction", "time_saved_s", "memory_saved_mb", "speedup", "throughput", "throughput_mb",
    "samples_per_second", "samplesPerSecond", "eval_samples_per_second", "steps_per_sec", "images_per_min",
    "tokens/s", "it/s", "MB/s", "mb_per_s", "bytes_per_second", "flops_per_second", "tokens_per_joule", "fps",
    "lossless_ratio", "compression_ratio", "timestamp", "_timestamp", "step", "epoch", "xyz", "损失",
]  # fmt: skip


@pytest.mark.parametrize("name", LOW)
def test_losses_errors_times_and_sizes_are_better_low(name: str) -> None:
    assert better_order(name) == "asc"


@pytest.mark.parametrize("name", [*HIGH, "", " ", "🚀", "_/_"])
def test_everything_else_is_better_high(name: str) -> None:
    assert better_order(name) == "desc"


def test_an_order_is_said_in_words() -> None:
    assert (order_text("asc"), order_text("desc")) == ("lowest first", "highest first")
