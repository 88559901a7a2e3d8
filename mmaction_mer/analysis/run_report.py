"""The page of a result: what a work directory holds, brought into one HTML file."""

import copy
import io
from collections.abc import Callable, Container, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from ..datasets.annotation import clip_name
from ..datasets.clip_cache import is_deterministic
from ..datasets.transforms.loading import LoadMERFrames
from ..datasets.transforms.motion import RankPooling
from ..engine.runners.fold_config import ALL_SUBJECTS, mer_dataset
from ..engine.runners.seeding import preserve_rng_state
from ..engine.work_dir.layout import seed_folders
from ..engine.work_dir.work_dir import StoredRun, WorkDir
from ..evaluation.summary import SELECTIONS
from ..motion.rank_pooling import rank_pool
from ..utils.errors import MERDataError, MERRunError
from ..utils.files import atomic_write
from ..utils.text import first_line
from .run_figures import read_figures

if TYPE_CHECKING:
    from .report_html import Mistake

PAGE = 'report.html'
#: So many mistakes are shown.
SHOWN = 8
#: Pixels of a picture's longer side, at most: a page should fit into a letter.
SIDE = 224


def write_page(work_dir: str | Path, cfg: Config) -> Path:
    """Write ``report.html`` from what a work directory holds.

    Reads ``results.json``, ``config.py``, ``clip.png`` and ``figures/`` of the run and
    the predictions of its finished folds, in ``folds/`` or in ``seed<k>/folds/``. The
    clips of the most confident mistakes are read through ``cfg.test_dataloader``; one
    that cannot be costs its own pictures and nothing else. No random stream changes.

    Args:
        work_dir: The work directory of a run, of one seed or of several.
        cfg: Its config.

    Returns:
        The path written.

    Raises:
        MERRunError: There are no results, they are not those of the predictions, or
            there are no finished folds.
        MERDataError: Predictions cannot be read, or are not of the run's clips.
    """
    # Imported here: matplotlib takes a second that few processes need to spend.
    from .report_html import report_page

    work_dir = Path(work_dir)
    reader = WorkDir(work_dir)
    results = reader.results()
    if not results:
        path = work_dir / 'results.json'
        raise MERRunError(
            f'{path}: there are no results yet: finish the run with --resume, or pool '
            f'its folds:  python tools/analysis/score.py {work_dir} --out {path}'
        )
    if 'per_seed' in results:
        # The seeds of the scores: others may have been begun since.
        runs = reader.runs(results['seeds'])
    else:
        runs = {0: reader.run()}
    clips = len(next(iter(runs.values())).lines)
    notes = []
    # A summary over seeds leaves out what one of them lacks, and says so itself.
    if not results.get('missing') and any(
        len(run.lines) != results.get('clips') for run in runs.values()
    ):
        notes.append(
            f'The predictions on disk are of {clips} clips, the scores of '
            f'{results.get("clips")}: folds came or went since the scores were '
            f'written. Resume the run to bring them together.'
        )
    else:
        reader.check_results(results, runs)
    figures, left_out = read_figures(work_dir, runs.values())
    notes += left_out
    mistakes = confident_mistakes([run.lines for run in runs.values()])
    with preserve_rng_state():
        shown = _show(mistakes, runs, cfg)
    try:
        page = report_page(
            results,
            _pictures(work_dir, results),
            shown,
            _config_text(work_dir),
            work_dir.resolve().name,
            notes,
            figures,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MERRunError(
            f'{work_dir / "results.json"}: not the results of this version '
            f'({type(error).__name__}: {error}): score the folds again with '
            f'tools/analysis/score.py --out, or resume the run'
        ) from error
    return atomic_write(work_dir / PAGE, page)


def confident_mistakes(
    runs: Sequence[Sequence[Mapping[str, Any]]], limit: int = SHOWN
) -> list[dict[str, Any]]:
    """Pick the clips that were most surely taken for another class.

    Args:
        runs: Prediction lines (see ``predictions.py``) of each seed.
        limit: So many at most.

    Returns:
        The clips, the surest first, each with ``dataset``, ``subject``, ``clip``,
        ``label``, ``prediction``, ``probabilities`` and ``wrong``, the number of seeds
        that were. Over several seeds the probabilities are their means, and the
        prediction is the likeliest class of these; a clip that a seed lacks is left
        out.

    >>> line = dict(dataset='d', subject='s', clip='c', label=0, prediction=1,
    ...             probabilities=[0.3, 0.7])
    >>> [one['prediction'] for one in confident_mistakes([[line]])]
    [1]
    """
    by_clip: dict[str, list[Mapping[str, Any]]] = {}
    for lines in runs:
        for line in lines:
            by_clip.setdefault(clip_name(dict(line)), []).append(line)
    found = []
    for name, lines in by_clip.items():
        if len(lines) != len(runs):
            continue
        chances = np.mean([line['probabilities'] for line in lines], axis=0)
        single = len(lines) == 1
        guess = lines[0]['prediction'] if single else int(chances.argmax())
        label = lines[0]['label']
        if guess == label:
            continue
        found.append(
            {
                **{key: lines[0][key] for key in ('dataset', 'subject', 'clip')},
                'label': label,
                'prediction': guess,
                'probabilities': chances.tolist(),
                'wrong': sum(line['prediction'] != label for line in lines),
                'name': name,
            }
        )
    found.sort(key=lambda one: (-one['probabilities'][one['prediction']], one['name']))
    return found[:limit]


def _show(
    mistakes: Sequence[Mapping[str, Any]], runs: Mapping[int, StoredRun], cfg: Config
) -> 'list[Mistake]':
    """Give each mistake its pictures, or the reason why there are none."""
    from .report_html import Mistake

    classes = next(iter(runs.values())).classes
    rows: dict[str, Any] = {}
    transforms: list[Any] = []
    problem = ''
    if mistakes:
        try:
            rows, transforms = clip_rows(cfg, {one['name'] for one in mistakes})
        except Exception as error:
            # Data sets and transforms may be anybody's. Whatever they do, hours of
            # training must not end without a page for want of an ornament.
            problem = _reason(error)
    shown = []
    for one in mistakes:
        pictures: list[tuple[str, bytes]] = []
        trouble = problem
        if not trouble and one['name'] not in rows:
            trouble = f'clip {one["name"]}: is not in the data set any more'
        if not trouble:
            try:
                pictures = clip_pictures(
                    rows[one['name']], transforms, removes_head_motion(cfg)
                )
            except Exception as error:  # as above
                trouble = _reason(error)
        shown.append(
            Mistake(
                clip=one['name'],
                truth=classes[one['label']],
                prediction=classes[one['prediction']],
                confidence=one['probabilities'][one['prediction']],
                right=one['probabilities'][one['label']],
                seeds=(one['wrong'], len(runs)) if len(runs) > 1 else None,
                pictures=pictures,
                problem=trouble,
            )
        )
    return shown


def clip_rows(cfg: Config, names: Container[str]) -> tuple[dict[str, Any], list[Any]]:
    """Find clips in the test data, of all subjects and as far as they still exist.

    Args:
        cfg: Config of the run.
        names: Of clips, as ``clip_name`` gives them.

    Returns:
        The row of each clip that is there, by name, and the pipeline's transforms.
    """
    loader = copy.deepcopy(cfg.test_dataloader)
    config = mer_dataset(loader, 'test_dataloader')
    config.update(
        ALL_SUBJECTS, test_mode=True, serialize_data=False, cache=False, store=False,
        max_missing=10**9,
    )  # fmt: skip
    scope = DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction'))
    with scope:
        dataset = DATASETS.build(config)
    rows = map(dataset.get_data_info, range(len(dataset)))
    found = {name: row for row in rows if (name := clip_name(row)) in names}
    return found, list(dataset.pipeline.transforms)


def clip_pictures(
    row: Mapping[str, Any],
    transforms: Sequence[Callable],
    remove_head_motion: bool = False,
) -> list[tuple[str, bytes]]:
    """Draw the onset, the apex and the rank-pooled image of a clip.

    Args:
        row: Its row of the data set.
        transforms: The data set's pipeline, which begins with :class:`LoadMERFrames`.
        remove_head_motion: Whether the model has the head's own motion taken out.

    Returns:
        Caption and PNG of each picture. The frames are as they were read; the
        rank-pooled image is of the clip after the deterministic beginning of the
        pipeline.

    Raises:
        MERDataError: The clip cannot be read, or the pipeline begins otherwise; the
            message names clip or transform.
    """
    images = clip_images(row, transforms, remove_head_motion)
    return [(caption, to_png(image)) for caption, image in (*images[:2], images[3])]


def clip_images(
    row: Mapping[str, Any],
    transforms: Sequence[Callable],
    remove_head_motion: bool = False,
) -> list[tuple[str, np.ndarray]]:
    """The onset, the apex, the offset and the rank-pooled image of a clip.

    Args:
        row: As in :func:`clip_pictures`, and so are the others.
        transforms: The data set's pipeline.
        remove_head_motion: Whether the model has the head's own motion taken out.

    Returns:
        Caption and ``(H, W, 3)`` in grey levels of each.

    Raises:
        MERDataError: As :func:`clip_pictures`.
    """
    if not transforms or not isinstance(transforms[0], LoadMERFrames):
        kind = type(transforms[0]).__name__ if transforms else 'nothing'
        raise MERDataError(
            f'the pipeline begins with {kind}, not with LoadMERFrames, so that which '
            f'frames it reads is not known'
        )
    first, *others = takewhile(is_deterministic, transforms)
    results = first(copy.deepcopy(dict(row)))
    frames = list(results['imgs'])
    caption, place = _apex(row, results['frame_inds'])
    numbers = results['frame_inds']
    images = [
        (f'onset (frame {int(numbers[0])})', frames[0]),
        (caption, frames[place]),
        (f'offset (frame {int(numbers[-1])})', frames[-1]),
    ]
    for transform in others:
        results = transform(results)
    own = [one.remove_head_motion for one in transforms if isinstance(one, RankPooling)]
    image = rank_pool(
        np.stack(results['imgs']),
        remove_head_motion=own[0] if own else remove_head_motion,
    )
    return [*images, ('rank pooling of all frames', image)]


def _apex(row: Mapping[str, Any], numbers: np.ndarray) -> tuple[str, int]:
    """Find the frame that is nearest to the apex, or to the middle without one."""
    apex = row.get('apex')
    if apex is None:
        middle = (row['onset'] + row['offset']) / 2
        place = int(np.abs(numbers - middle).argmin())
        return f'middle, frame {int(numbers[place])} (apex not given)', place
    place = int(np.abs(numbers - apex).argmin())
    nearest = int(numbers[place])
    if nearest == apex:
        return f'apex (frame {apex})', place
    return f'apex (frame {apex}; nearest read: {nearest})', place


def to_png(image: np.ndarray, side: int = SIDE) -> bytes:
    r"""Encode a picture, shrunk to a longer side of so many pixels if it is larger.

    Args:
        image: (H, W, 3) RGB in 0..255, any real type.
        side: Pixels.

    Returns:
        The PNG file.

    >>> to_png(np.zeros((2, 3, 3)))[:4]
    b'\x89PNG'
    """
    picture = np.rint(np.asarray(image, dtype=np.float32)).clip(0, 255).astype(np.uint8)
    height, width = picture.shape[:2]
    if (longest := max(height, width)) > side:
        size = max(1, width * side // longest), max(1, height * side // longest)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode('.png', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def removes_head_motion(cfg: Config) -> bool:
    """Tell whether a config's model has the head's own motion taken out."""
    return bool(
        ((cfg.get('model') or {}).get('data_preprocessor') or {}).get(
            'remove_head_motion', False
        )
    )


def _reason(error: Exception) -> str:
    """Say in one line why there are no pictures."""
    known = isinstance(error, MERDataError | MERRunError)
    return ('' if known else f'{type(error).__name__}: ') + first_line(error)


def _pictures(work_dir: Path, results: Mapping[str, Any]) -> dict[str, bytes]:
    """Draw the confusion matrix; take what the run drew itself."""
    from ..visualization.confusion import plot_confusion

    title = SELECTIONS['test'] if results['selection'] == 'test' else ''
    figure = plot_confusion(results['confusion'], results['classes'], title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=110, facecolor='white')
    pictures = {'confusion': buffer.getvalue()}
    if (clip := _first_file(work_dir, 'clip.png')) is not None:
        pictures['clip'] = clip.read_bytes()
    return pictures


def _config_text(work_dir: Path) -> str:
    path = _first_file(work_dir, 'config.py')
    return path.read_text(encoding='utf-8', errors='replace') if path else ''


def _first_file(work_dir: Path, name: str) -> Path | None:
    """Find a file of the run, or of its first seed that has one."""
    folders = [work_dir, *seed_folders(work_dir).values()]
    return next((one / name for one in folders if (one / name).is_file()), None)
