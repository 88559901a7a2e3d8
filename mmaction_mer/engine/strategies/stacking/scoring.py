"""Scoring of a fold's model on clips of a clip table."""

from typing import Any

import torch
from mmengine.config import Config

from ...runners.fold_runner import FoldRunner
from .clip_table import ClipTable


def score_clips(
    runner: FoldRunner,
    table: ClipTable,
    dataset: Any,
    loader: Config,
    evaluators: Any,
) -> dict[str, Any]:
    """Score the model of a runner, as mmengine's test loop does.

    Args:
        runner: The runner.
        table: The clips.
        dataset: The data set to score.
        loader: Config of its data loader, for the batch size.
        evaluators: Configs of the evaluators.

    Returns:
        The scores.
    """
    model = runner.model
    evaluator = runner.build_evaluator(evaluators)
    evaluator.dataset_meta = dataset.metainfo
    numbers = table.numbers(dataset)
    model.eval()
    try:
        for some in numbers.split(loader.get('batch_size', 1)):
            batch = table.batch(some.tolist())
            with torch.no_grad():
                outputs = model.test_step(batch)
            evaluator.process(data_samples=outputs, data_batch=batch)
    finally:
        model.train()
    return evaluator.evaluate(len(numbers))
