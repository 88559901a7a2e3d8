"""``MERMetric``: the scores of ``functional.py`` inside mmaction's evaluator."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..functional import absent_classes, confusion_matrix, scores_from_confusion
from ..predictions import (
    NAMES,
    MissingClipNameError,
    NonFiniteScoreError,
    validate_predictions,
    write_predictions,
)


@METRICS.register_module()
class MERMetric(BaseMetric):
    """Accuracy, UF1, UAR and two more F1 scores over all clips.

    It takes the data samples of any mmaction recognizer whose head averages
    probabilities (``average_clips='prob'``). Dataset, subject and clip are read
    from their metainfo. Samples of a :class:`~mmaction_mer.datasets.MERDataset` must
    have them: ``meta_keys`` of the packing transform. Those of stock mmaction datasets
    have none; they are scored too, named by their index in the test set, with one
    warning that scores by subject are not possible.

    Args:
        num_classes: Number of classes. Defaults to that of ``classes``, else of the
            dataset's metainfo, else to the number of probabilities.
        classes: Names of the classes, instead of ``num_classes``. Defaults to None.
        predictions_file: JSON-lines file to which rank 0 writes the predictions,
            atomically. Defaults to None: no file.
        **kwargs: Passed to mmengine's ``BaseMetric``.

    Example:
        ``test_evaluator = dict(type='MERMetric', predictions_file='out.jsonl')``
    """

    default_prefix = 'mer'

    def __init__(
        self,
        num_classes: int | None = None,
        classes: Sequence[str] | None = None,
        predictions_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if classes is not None and num_classes not in (None, len(classes)):
            raise ValueError(
                f'num_classes is {num_classes}, but classes has {len(classes)} names'
            )
        self.num_classes = len(classes) if classes is not None else num_classes
        self.predictions_file = predictions_file
        self._warned = False

    def process(self, data_batch: Any, data_samples: Sequence[Mapping]) -> None:
        """Store label and prediction of a batch of data samples.

        Args:
            data_batch: Not used.
            data_samples: ``ActionDataSample.to_dict()`` of each clip: ``gt_label``
                (1,), ``pred_score`` (C,) probabilities and ``pred_label`` (1,).

        Raises:
            MissingClipNameError: A sample of a MERDataset does not identify its clip.
        """
        lines = [prediction_from_sample(sample) for sample in data_samples]
        for line in lines:
            self._check_names(line)
        self.results.extend(lines)

    def _check_names(self, line: Mapping[str, Any]) -> None:
        missing = [name for name in NAMES if name not in line]
        if missing and (self.dataset_meta or {}).get('names'):
            raise MissingClipNameError(
                f'a sample of a MERDataset comes without {", ".join(missing)}, so that '
                f'its prediction cannot be assigned to a clip',
                path='MERMetric',
                field=missing[0],
                hint=f'add meta_keys={NAMES} to the packing transform, the last of the '
                f'pipeline',
            )
        if 'subject' in missing and not self._warned:
            self._warned = True
            print_log(
                "MERMetric: samples without a subject: written as subject 'unknown'. "
                'Scores by subject (leave-one-subject-out, intervals, comparisons) are '
                f'not possible. Where the data have subjects, add meta_keys={NAMES} to '
                'the packing transform.',
                'current',
                logging.WARNING,
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Score the clips of all ranks; write the predictions if asked to.

        Args:
            results: What :meth:`process` stored, in the order of the dataset.

        Returns:
            The five scores of ``scores_from_confusion``.

        Raises:
            MERDataError: A prediction is invalid or a clip occurs twice.
        """
        meta = self.dataset_meta or {}
        dataset = str(meta.get('dataset', 'dataset'))
        # The last ranks' padding is removed by now: the index is the sample's own.
        lines = [
            {'dataset': dataset, 'subject': 'unknown', 'clip': f'sample{index:06d}'}
            | line
            for index, line in enumerate(results)
        ]
        num_classes = self.num_classes or len(meta.get('classes') or ()) or None
        if self.predictions_file is None:
            validate_predictions(lines, 'MERMetric', num_classes)
        else:
            write_predictions(self.predictions_file, lines, num_classes)
        matrix = confusion_matrix(
            [line['label'] for line in lines],
            [line['prediction'] for line in lines],
            num_classes or (len(lines[0]['probabilities']) if lines else 1),
        )
        if absent := absent_classes(matrix):
            print_log(
                f'MERMetric: classes {absent} have no clip and no prediction here: '
                f'left out of the means',
                logger='current',
            )
        return scores_from_confusion(matrix)


def prediction_from_sample(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a data sample into a prediction without tensors.

    Args:
        sample: ``ActionDataSample.to_dict()`` after ``predict``.

    Returns:
        A prediction (see ``predictions.py``), with those of the fields ``dataset``,
        ``subject`` and ``clip`` that the sample has.

    Raises:
        NonFiniteScoreError: A score is NaN or infinite.
        ValueError: The sample has several labels, or its scores are not one vector of
            probabilities.

    >>> prediction_from_sample({'gt_label': torch.tensor([1]),
    ...                         'pred_score': torch.tensor([0.25, 0.75])})
    {'label': 1, 'prediction': 1, 'probabilities': [0.25, 0.75]}
    """
    names = {field: sample[field] for field in NAMES if field in sample}
    where = '/'.join(map(str, names.values())) or 'a clip without a name'
    label = torch.as_tensor(sample['gt_label'])
    if label.numel() != 1:
        raise ValueError(
            f'{where}, field gt_label: one label per clip is needed, not '
            f'{label.numel()}'
        )
    score = torch.as_tensor(sample['pred_score']).detach().cpu()
    if not score.isfinite().all():
        raise NonFiniteScoreError(
            'contains NaN or infinite values: the training of this model diverged, or '
            'its weights are damaged',
            clip=where,
            field='pred_score',
            hint='train it again, with a lower learning rate or with '
            'optim_wrapper.clip_grad',
        )
    # A coarse check of the head; predictions.py is exact about the sum.
    normalized = score.min() >= 0 and abs(score.sum() - 1) <= 2e-2
    if score.ndim != 1 or not normalized:
        raise ValueError(
            f'{where}, field pred_score: must be one vector of probabilities, but has '
            f'shape {tuple(score.shape)} and values {score.min():.3g}..'
            f"{score.max():.3g}; set average_clips='prob' in the config's cls_head"
        )
    predicted = sample.get('pred_label')
    predicted = score.argmax() if predicted is None else torch.as_tensor(predicted)
    if not score.is_floating_point() or score.dtype.itemsize < 4:
        # With 8 or 11 bits of precision rounding alone changes the sum.
        score = score.double() / score.double().sum()
    return {
        **names,
        'label': int(label.item()),
        'prediction': int(predicted.item()),
        'probabilities': score.tolist(),
    }
