"""``MERMetric``: the scores of ``functional.py`` inside mmaction's evaluator."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..utils.errors import MERDataError
from .functional import absent_classes, confusion_matrix, scores_from_confusion
from .predictions import NAMES, validate_predictions, write_predictions


class NotFiniteScores(MERDataError):
    """Scores of a clip that are NaN or infinite: those of a model that diverged."""


class NamelessSamples(MERDataError):
    """Samples of a MERDataset that do not say whose clip they are."""


@METRICS.register_module()
class MERMetric(BaseMetric):
    """Accuracy, UF1, UAR and both other F1 of the clips it is shown.

    It takes the data samples of any mmaction recognizer whose head averages
    probabilities (``average_clips='prob'``). Dataset, subject and clip are read
    from their metainfo. Samples of a :class:`~mmaction_mer.datasets.MERDataset` must
    carry them: ``meta_keys`` of the packing transform. Those of stock mmaction datasets
    have none; they are scored too, named by their place in the test set, with one
    warning that no figure by subject can be made of them.

    Args:
        num_classes: Number of classes. Default: that of ``classes``, else of the
            dataset's metainfo, else the number of probabilities.
        classes: Names of the classes, instead of ``num_classes``.
        predictions_file: If set, the predictions are written there as JSON
            lines, atomically, by rank 0.
        **kwargs: Those of mmengine's ``BaseMetric``.

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
                f'num_classes is {num_classes}, but classes names {len(classes)}'
            )
        self.num_classes = len(classes) if classes is not None else num_classes
        self.predictions_file = predictions_file
        self._told = False

    def process(self, data_batch: Any, data_samples: Sequence[Mapping]) -> None:
        """Keep label and prediction of a batch of data samples.

        Args:
            data_batch: Not used.
            data_samples: ``ActionDataSample.to_dict()`` of each clip: ``gt_label``
                (1,), ``pred_score`` (C,) probabilities and ``pred_label`` (1,).

        Raises:
            NamelessSamples: A sample of a MERDataset does not say whose clip it is.
        """
        lines = [prediction_line(sample) for sample in data_samples]
        for line in lines:
            self._check_names(line)
        self.results.extend(lines)

    def _check_names(self, line: Mapping[str, Any]) -> None:
        missing = [name for name in NAMES if name not in line]
        if not missing:
            return
        if (self.dataset_meta or {}).get('names'):
            raise NamelessSamples(
                f'MERMetric: a sample of a MERDataset comes without '
                f'{", ".join(missing)}, so that its prediction belongs to nobody: add '
                f'meta_keys={NAMES} to the packing transform, the last of the pipeline'
            )
        if not self._told and 'subject' in missing:
            self._told = True
            print_log(
                "MERMetric: samples without a subject: written as subject 'unknown', "
                'and figures by subject (leave-one-subject-out pooling, intervals, '
                'comparisons) cannot be made of them. Where the data have subjects, '
                f'add meta_keys={NAMES} to the packing transform.',
                'current',
                logging.WARNING,
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Score the clips of all ranks; write them if asked to.

        Args:
            results: What :meth:`process` kept, in the order of the dataset.

        Returns:
            The five scores of ``scores_from_confusion``.

        Raises:
            MERDataError: A prediction is wrong or a clip occurs twice.
        """
        meta = self.dataset_meta or {}
        lines = [
            # The last ranks' padding is gone by now: the place is the sample's own.
            _fill_names(line, place, str(meta.get('dataset', 'dataset')))
            for place, line in enumerate(results)
        ]
        num_classes = self.num_classes
        if num_classes is None and meta.get('classes'):
            num_classes = len(meta['classes'])
        validate_predictions(lines, 'MERMetric', num_classes)
        matrix = confusion_matrix(
            [line['label'] for line in lines],
            [line['prediction'] for line in lines],
            num_classes or (len(lines[0]['probabilities']) if lines else 1),
        )
        values = scores_from_confusion(matrix)
        if absent := absent_classes(matrix):
            print_log(
                f'MERMetric: classes {absent} have no clip and no prediction here: '
                f'left out of the means',
                logger='current',
            )
        if self.predictions_file is not None:
            write_predictions(self.predictions_file, lines)
        return values


def prediction_line(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a data sample into a prediction line, without tensors.

    Args:
        sample: ``ActionDataSample.to_dict()`` after ``predict``.

    Returns:
        A prediction line (see ``predictions.py``), with those names that the sample
        carries.

    Raises:
        NotFiniteScores: A score is NaN or infinite.
        ValueError: The sample has several labels, or scores that are not one
            vector of probabilities.

    >>> prediction_line({'gt_label': torch.tensor([1]),
    ...                  'pred_score': torch.tensor([0.25, 0.75])})
    {'label': 1, 'prediction': 1, 'probabilities': [0.25, 0.75]}
    """
    names = {field: sample[field] for field in NAMES if field in sample}
    where = '/'.join(map(str, names.values())) or 'a clip without a name'
    label, score = torch.as_tensor(sample['gt_label']), sample['pred_score']
    if label.numel() != 1:
        raise ValueError(
            f'{where}, field gt_label: one label a clip is needed, not {label.numel()}'
        )
    chances = torch.as_tensor(score).detach().cpu()
    if not chances.isfinite().all():
        raise NotFiniteScores(
            f'{where}, field pred_score: holds NaN or infinite values: the training of '
            f'this model diverged, or its weights are damaged; train it again, with a '
            f'lower learning rate or with optim_wrapper.clip_grad'
        )
    # How exact the sum must be is asked of the line.
    sound = chances.min() >= 0 and abs(chances.sum() - 1) <= 2e-2
    if chances.ndim != 1 or not sound:
        raise ValueError(
            f'{where}, field pred_score: must be one vector of probabilities, but has '
            f'shape {tuple(chances.shape)} and values {chances.min():.3g}..'
            f"{chances.max():.3g}; set average_clips='prob' in the config's cls_head"
        )
    guess = sample.get('pred_label')
    guess = chances.argmax() if guess is None else torch.as_tensor(guess)
    if not chances.is_floating_point() or chances.dtype.itemsize < 4:
        # Probabilities of 8 or 11 bits: their sum is off by rounding alone.
        chances = chances.double() / chances.double().sum()
    return {
        **names,
        'label': int(label.item()),
        'prediction': int(guess.item()),
        'probabilities': [float(chance) for chance in chances],
    }


def _fill_names(line: dict[str, Any], place: int, dataset: str) -> dict[str, Any]:
    names = {'dataset': dataset, 'subject': 'unknown', 'clip': f'sample{place:06d}'}
    return {**names, **line}
