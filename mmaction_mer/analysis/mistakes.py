"""The most confident mistakes of a run, with images of their clips."""

import copy
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

import numpy as np
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ..datasets.annotation import clip_name
from ..datasets.clip_cache import is_deterministic
from ..datasets.key_frames import read_key_frames
from ..datasets.transforms.loading import LoadMERFrames
from ..datasets.transforms.rank_pooling import RankPooling
from ..engine.runners.fold_config import ALL_SUBJECTS, mer_dataset
from ..engine.runners.seeding import preserve_rng_state
from ..motion.rank_pooling import rank_pool
from ..utils.errors import MERDataError, MERError
from ..utils.text import first_line
from ..visualization.mistake_figure import Mistake


def confident_mistakes(
    runs: Sequence[Sequence[Mapping[str, Any]]], limit: int
) -> list[Mistake]:
    """Select the misclassified clips with the most confident predictions.

    Args:
        runs: Prediction lines (see ``predictions.py``) of each seed.
        limit: Maximum number of clips.

    Returns:
        The clips without images, the most confident first. With several seeds, the
        prediction is the class of the highest mean probability, and clips that a seed
        lacks are left out.

    >>> line = dict(dataset='d', subject='s', clip='c', label=0, prediction=1,
    ...             probabilities=[0.3, 0.7])
    >>> [one.prediction for one in confident_mistakes([[line]], limit=8)]
    [1]
    """
    by_clip: dict[str, list[Mapping[str, Any]]] = {}
    for lines in runs:
        for line in lines:
            by_clip.setdefault(clip_name(line), []).append(line)
    mistakes = []
    for name, lines in by_clip.items():
        if len(lines) != len(runs):
            continue
        mean = np.mean([line['probabilities'] for line in lines], axis=0)
        label, prediction = lines[0]['label'], lines[0]['prediction']
        if len(lines) > 1:
            prediction = int(mean.argmax())
        if prediction != label:
            wrong = sum(line['prediction'] != label for line in lines)
            mistakes.append(Mistake(name, label, prediction, mean.tolist(), wrong))
    mistakes.sort(key=lambda one: (-one.probabilities[one.prediction], one.clip))
    return mistakes[:limit]


def load_mistakes(
    runs: Sequence[Sequence[Mapping[str, Any]]], cfg: Config, limit: int
) -> list[Mistake]:
    """Select the most confident mistakes of a run, and load images of their clips.

    A clip that cannot be read gets the reason in place of images. The states of the
    random generators are preserved.

    Args:
        runs: Prediction lines of each seed.
        cfg: Config of the run.
        limit: Maximum number of clips.
    """
    mistakes = confident_mistakes(runs, limit)
    if not mistakes:
        return []
    with preserve_rng_state():
        try:
            rows, transforms = clip_rows(cfg, {one.clip for one in mistakes})
        # Datasets and transforms may be of other packages. Whatever they raise, hours
        # of training must not end without a report because of these images.
        except Exception as error:
            return [replace(one, problem=_reason(error)) for one in mistakes]
        return [_with_images(one, rows, transforms, cfg) for one in mistakes]


def _with_images(
    mistake: Mistake, rows: Mapping[str, Any], transforms: Sequence, cfg: Config
) -> Mistake:
    try:
        if mistake.clip not in rows:
            raise MERDataError('is no longer in the dataset', clip=mistake.clip)
        images = clip_images(rows[mistake.clip], transforms, removes_head_motion(cfg))
    except Exception as error:  # as above
        return replace(mistake, problem=_reason(error))
    return replace(mistake, images=images)


def clip_rows(cfg: Config, names: Container[str]) -> tuple[dict[str, Any], list[Any]]:
    """Find clips in the test data of all subjects.

    Args:
        cfg: Config of the run.
        names: Names of clips, see :func:`~mmaction_mer.datasets.annotation.clip_name`.

    Returns:
        The row of each clip that is still in the dataset, by name, and the transforms
        of the pipeline.
    """
    config = mer_dataset(copy.deepcopy(cfg.test_dataloader), 'test_dataloader')
    config.update(
        ALL_SUBJECTS, test_mode=True, serialize_data=False, cache=False, store=False,
        max_missing=10**9,
    )  # fmt: skip
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction')):
        dataset = DATASETS.build(config)
    rows = map(dataset.get_data_info, range(len(dataset)))
    found = {name: row for row in rows if (name := clip_name(row)) in names}
    return found, list(dataset.pipeline.transforms)


def clip_images(
    row: Mapping[str, Any],
    transforms: Sequence[Callable],
    remove_head_motion: bool = False,
) -> list[tuple[str, np.ndarray]]:
    """Load the onset, the apex, the offset and the rank-pooled image of a clip.

    Args:
        row: Row of the dataset.
        transforms: Pipeline of the dataset, which starts with :class:`LoadMERFrames`.
        remove_head_motion: Whether the model removes head motion; a
            :class:`RankPooling` in the pipeline takes precedence. Defaults to False.

    Returns:
        Caption and RGB image of shape ``(H, W, 3)``, in gray levels, of each. The
        rank-pooled image is computed after the deterministic transforms at the start of
        the pipeline.

    Raises:
        MERDataError: The clip cannot be read, or the pipeline starts with another
            transform.
    """
    if not transforms or not isinstance(transforms[0], LoadMERFrames):
        found = type(transforms[0]).__name__ if transforms else 'nothing'
        raise MERDataError(
            f'starts with {found}, not with LoadMERFrames', field='pipeline'
        )
    images = read_key_frames(row, ('onset', 'apex', 'offset'))
    results = copy.deepcopy(dict(row))
    for transform in takewhile(is_deterministic, transforms):
        results = transform(results)
    for transform in transforms:
        if isinstance(transform, RankPooling):
            remove_head_motion = transform.remove_head_motion
            break
    image = rank_pool(np.stack(results['imgs']), remove_head_motion)
    return [*images, ('rank pooling of all frames', image)]


def removes_head_motion(cfg: Config) -> bool:
    """Check whether the model of a config removes head motion."""
    preprocessor = (cfg.get('model') or {}).get('data_preprocessor') or {}
    return bool(preprocessor.get('remove_head_motion', False))


def _reason(error: Exception) -> str:
    """Summarize in one line why there are no images."""
    line = first_line(error)
    return line if isinstance(error, MERError) else f'{type(error).__name__}: {line}'
