"""Writing a store, whole or not at all, and on from where it was killed."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmaction.registry import TRANSFORMS
from tqdm import tqdm

from ...utils.errors import MERDataError, raise_problems
from ...utils.json_files import write_json
from ...utils.parallel import cores, in_processes
from ...utils.text import quote
from ..annotation import clip_name
from ..clip_cache import beginning
from ..clips import locate
from .layout import FORMAT, INDEX, PIXELS, open_pixels, read_index
from .making import Clip, Maker, make_clip
from .reading import check_links, compare
from .sources import clip_facts, digest
from .workplace import (
    allocate,
    begin_journal,
    load_partial,
    publish,
    refuse_other,
    workplace,
)

# The deterministic beginning of configs/_base_/datasets/mer_224.py.
STANDARD = (
    dict(type='LoadMERFrames', max_frames=16),
    dict(type='StandardizeLength', length=16),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
)


def write_store(
    folder: str | Path,
    rows: Sequence[Mapping[str, Any]],
    root: str | Path,
    transforms_cfg: Sequence[dict[str, Any]] = STANDARD,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write what the beginning of a pipeline makes of clips.

    The work lies in ``.NAME.partial`` beside the store until it is whole. A clip that
    is done is not made again after a kill; an older store stays until then.

    Args:
        folder: The store to write, ``<data_root>/store``.
        rows: Rows of annotation files; those of several label maps may be together.
        root: The folder that the paths of the rows start from.
        transforms_cfg: The beginning of the pipeline, transforms that draw nothing.
        workers: Processes; None takes one per core.
        progress: Show a progress bar.

    Returns:
        The store's folder. If it was up to date, nothing was made.

    Raises:
        MERDataError: Clips cannot be read or differ in shape (what was done stays),
            the disk is too small, ``folder`` holds something else or links that lead
            out of its parent, or another process writes it.
    """
    folder = Path(os.path.abspath(folder))
    check_links(folder, folder.parent)
    folder = Path(os.path.realpath(folder))
    root = os.path.abspath(root)
    transforms = [TRANSFORMS.build(dict(config)) for config in transforms_cfg]
    pipeline = beginning(transforms)
    if not pipeline or len(pipeline) < len(transforms):
        raise MERDataError(
            f'{folder}: a store holds what does not change from draw to draw, but its '
            f'pipeline is empty, or may draw after {pipeline}'
        )
    clips = _without_duplicates(rows, root)
    if _is_current(folder, pipeline, clips, root):
        return folder
    refuse_other(folder)
    with workplace(folder) as partial:
        plan = digest([FORMAT, pipeline, clips])
        left = load_partial(partial, plan, clips, root)
        shape, done = left or (_find_shape(transforms, clips, root), {})
        allocate(partial, shape)
        maker = Maker(transforms, root, partial / PIXELS, shape)
        try:
            journal = begin_journal(partial, plan, shape, done)
            problems = _make_rest(maker, clips, done, journal, workers, progress)
        except OSError as error:
            raise MERDataError(
                f'{partial}: cannot be written: {error}; what was done stays'
            ) from error
        raise_problems(
            str(folder),
            'clips cannot be stored (the others are done and stay so)',
            problems,
        )
        entries = [done[place] for place in range(len(clips))]
        _write_index(partial, pipeline, shape, entries)
        publish(partial, folder)
    return folder


def _without_duplicates(rows: Sequence[Mapping[str, Any]], root: str) -> list[Clip]:
    """The facts of each clip once, in the order of their names."""
    found: dict[str, Clip] = {}
    for row in rows:
        facts = clip_facts(row, root)
        known = found.setdefault(clip_name(row), facts)
        for field in {**known, **facts}:
            if known.get(field) != facts.get(field):
                raise MERDataError(
                    f"clip {clip_name(row)}, field '{field}': one row says "
                    f'{quote(known.get(field))}, another {quote(facts.get(field))}: '
                    f'correct one'
                )
    if not found:
        raise MERDataError(f'{root}: there is no clip to store')
    return [found[name] for name in sorted(found)]


def _is_current(
    folder: Path, pipeline: list[str], clips: Sequence[Clip], root: str
) -> bool:
    """Whether the store is up to date; times that alone differ are noted in it."""
    try:
        index = read_index(folder)
        open_pixels(folder, index.shape)
        if index.pipeline != pipeline or len(index.clips) != len(clips):
            return False
        rows = [locate(facts, root) for facts in clips]
    except MERDataError:
        return False
    problems, moved = compare(index, rows, root)
    if moved and not problems:
        for name, state in moved.items():
            index.clips[name]['sources'].update(state)
        _write_index(folder, pipeline, index.shape, [*index.clips.values()])
    return not problems


def _find_shape(
    transforms: Sequence[Callable], clips: Sequence[Clip], root: str
) -> tuple[int, ...]:
    """The shape of the store, by the first clip that can be read."""
    problems = []
    for facts in clips:
        try:
            frames, _ = make_clip(transforms, locate(facts, root))
            return len(clips), *frames.shape
        except MERDataError as error:
            problems.append(f'clip {clip_name(facts)}: {error}')
    raise_problems(root, 'no clip can be read', problems)
    raise AssertionError('there is a clip')


def _make_rest(
    maker: Maker,
    clips: Sequence[Clip],
    done: dict[int, Clip],
    journal: Path,
    workers: int | None,
    progress: bool,
) -> list[str]:
    """Make what is not done, write it down, and return what went wrong."""
    todo = [(n, facts) for n, facts in enumerate(clips) if n not in done]
    bar = tqdm(
        total=len(clips),
        initial=len(done),
        desc='clip store',
        unit='clip',
        disable=not progress,
    )
    problems = []
    with open(journal, 'a', encoding='utf-8') as lines, bar:
        preload = type(maker).__module__
        for made in in_processes(maker, todo, workers or cores(), preload):
            bar.update()
            if isinstance(made, str):
                problems.append(made)
                continue
            # The maker has put its pixels on the disk.
            done[made['place']] = made
            lines.write(json.dumps(made) + '\n')
            lines.flush()
    return problems


def _write_index(
    folder: Path, pipeline: list[str], shape: Sequence[int], clips: list[Clip]
) -> None:
    content = {'format': FORMAT, 'pipeline': pipeline, 'shape': shape, 'clips': clips}
    write_json(folder / INDEX, content, indent=None)
