"""Compose several prepared data sets into one, such as the composite of MEGC 2019.

The data set becomes a prefix of its subjects (``casme2_sub01``), so that a protocol by
subject does not mix up subjects of two data sets. Releases of the same people, such as
the cameras of SMIC, share that name: a person stays one subject. The new folder is
self-contained: its frames are hard links, or copies if there are no hard links.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from ...utils.errors import MERDataError
from ...utils.files import atomic_write
from ...utils.json_files import write_json
from ...utils.text import quote
from ..annotation import read_annotation, validate_annotation, write_annotation
from ..annotation_rules import name_problem
from ..checking import frames_root
from ..clip_cache import write_store
from ..clip_cache.sources import digest
from ..clips import locate, usable_clips
from ..images.frame_folder import list_frames
from ..images.frame_names import IMAGES
from .composite_report import as_markdown, make_composite_report
from .linking import link_or_copy, same_content
from .out_folder import out_folder


@dataclass(frozen=True)
class CompositePart:
    """One prepared data set.

    Attributes:
        dataset: Its name in its rows; releases of the same people share it.
        file: The annotation file in the prepared folder.
        root: The folder that the paths of the rows are relative to.
        classes: Names of the classes.
        rows: Rows of the annotation.
        metainfo: Metadata of the annotation.
        release: Its name in ``metainfo.dataset``.
    """

    dataset: str
    file: Path
    root: Path
    classes: tuple[str, ...]
    rows: list[dict[str, Any]]
    metainfo: dict[str, Any]
    release: str


def make_composite(
    folders: Sequence[Path],
    out: Path,
    labels: str = '3class',
    store: bool = False,
    workers: int | None = None,
) -> dict[str, Any]:
    """Compose several prepared folders into one.

    The annotation is written last, so that a folder with one is complete; after a
    kill, running again completes the rest.

    Args:
        folders: The prepared folders, two or more, each of another release.
        out: The folder to create.
        labels: ``metainfo.labels`` of the annotation to take from each folder. Defaults
            to '3class'.
        store: Whether to write a clip store too. Defaults to False.
        workers: Number of processes that write it. Defaults to one per core.

    Returns:
        The content of ``report.json``, see ``composite_report.py``.

    Raises:
        MERDataError: A folder has no such annotation, classes differ, a release
            occurs twice, frames are missing, or ``out`` contains something else.
    """
    if workers is not None and workers < 1:
        raise MERDataError('must be at least 1', field='--workers')
    if len(folders) < 2:
        raise MERDataError('a composite needs two or more prepared folders')
    for folder in folders:
        if out.resolve().is_relative_to(folder.resolve()):
            raise MERDataError(
                f'is inside {folder}, a part', path=out, hint='choose another --out'
            )
    parts = [read_part(folder, labels) for folder in folders]
    content = join_parts(parts, labels)
    validate_annotation(content, str(out / 'annotations.json'))
    for part in parts:
        usable_clips(part.rows, str(part.root), str(part.file))
    name = f'the composite {content["metainfo"]["dataset"]}, {labels}'
    with out_folder(out, name) as made:
        made.remove_annotations()
        link_frames(parts, made.published.frames)
        if store:
            write_store(
                out / 'store', content['data_list'], out / 'frames', workers=workers
            )
        report = make_composite_report(content)
        write_json(out / 'report.json', report)
        atomic_write(out / 'report.md', as_markdown(report))
        made.record_annotations(['annotations.json'])
        write_annotation(out / 'annotations.json', content)
    return report


def read_part(folder: Path, labels: str) -> CompositePart:
    """Read the annotation of a prepared folder with the given labels.

    Raises:
        MERDataError: There is none, or more than one; the message lists all files. Or
            it is a composite already.
    """
    if not folder.is_dir():
        raise MERDataError(
            'folder not found', path=folder, hint='tools/data/prepare.py creates it'
        )
    contents = {
        path: read_annotation(path) for path in sorted(folder.glob('annotations*.json'))
    }
    known = {
        path: content['metainfo'].get('labels') for path, content in contents.items()
    }
    fitting = [path for path, name in known.items() if name == labels]
    if len(fitting) != 1:
        there = [f'{quote(name)} ({path.name})' for path, name in known.items()]
        raise MERDataError(
            f'contains {len(fitting) or "no"} annotation files with the labels '
            f'{quote(labels)}; there is {", ".join(there) or "no annotations*.json"}',
            path=folder,
        )
    (path,) = fitting
    metainfo, rows = contents[path]['metainfo'], contents[path]['data_list']
    names = sorted({row['dataset'] for row in rows})
    parts = metainfo.get('parts') or names
    if len(parts) > 1:
        raise MERDataError(
            f'is a composite already, of {", ".join(map(str, parts))}',
            path=path,
            hint='give the folders that it was made from',
        )
    classes = tuple(metainfo['classes'])
    root = frames_root(path, rows)
    release = metainfo.get('dataset')
    if not isinstance(release, str) or name_problem(release):
        release = names[0]
    return CompositePart(names[0], path, root, classes, rows, metainfo, release)


def join_parts(parts: Sequence[CompositePart], labels: str) -> dict[str, Any]:
    """Join the rows of prepared data sets into one annotation.

    Args:
        parts: The data sets, in order.
        labels: Name of their labels.

    Returns:
        The content of the new annotation file: subjects and paths begin with the
        name of the data set. For several releases of one data set, paths and clips
        begin with the name of the release.

    Raises:
        MERDataError: A release occurs twice, or the classes differ.
    """
    first = parts[0]
    seen: dict[str, Path] = {}
    for part in parts:
        name = part.release.casefold()
        if name in seen:
            raise MERDataError(
                f'contains {part.release}, as {seen[name]} does: its clips would count '
                f'twice',
                path=part.file,
                hint='give each release once',
            )
        seen[name] = part.file
        if part.classes != first.classes:
            raise MERDataError(
                f'the classes are {", ".join(part.classes)}, but those of {first.file} '
                f'are {", ".join(first.classes)}',
                path=part.file,
                hint='give the files the same classes in the same order',
            )
    return {
        'metainfo': {
            'dataset': '+'.join(part.release for part in parts),
            'parts': [part.release for part in parts],
            'labels': labels,
            'task_name': _task(parts),
            'classes': list(first.classes),
            'subjects_known': all(
                part.metainfo.get('subjects_known', True) for part in parts
            ),
            'frames': digest([part.metainfo.get('frames') for part in parts]),
            'format': 1,
        },
        'data_list': [
            _joined_row(part, row, folder)
            for part, folder in zip(parts, part_folders(parts), strict=True)
            for row in part.rows
        ],
    }


def part_folders(parts: Sequence[CompositePart]) -> list[str]:
    """Return the folder of each part, unique among the parts."""
    uses = Counter(part.dataset for part in parts)
    return [part.dataset if uses[part.dataset] == 1 else part.release for part in parts]


def _joined_row(
    part: CompositePart, row: Mapping[str, Any], folder: str
) -> dict[str, Any]:
    source = 'frame_dir' if row.get('video') is None else 'video'
    joined = {
        **row,
        'subject': f'{part.dataset}_{row["subject"]}',
        source: f'{folder}/{PurePosixPath(row[source])}',
    }
    if part.release != part.dataset:
        joined['release'] = part.release
    if folder != part.dataset:
        # Cameras use the same names of clips.
        joined['clip'] = f'{folder}_{row["clip"]}'
    return joined


def _task(parts: Sequence[CompositePart]) -> str:
    """Return the task; that of micro- and macro-expressions is what both have."""
    tasks = {
        part.metainfo.get('task_name', 'micro-expression recognition') for part in parts
    }
    return tasks.pop() if len(tasks) == 1 else 'facial expression recognition'


def link_frames(parts: Sequence[CompositePart], root: Path) -> None:
    """Link or copy the frames of every clip to ``root/<part>/<its own path>``.

    Raises:
        MERDataError: A file cannot be linked, or a folder contains other files.
    """
    clips = [
        (part, folder, row)
        for part, folder in zip(parts, part_folders(parts), strict=True)
        for row in part.rows
    ]
    linked: dict[Path, set[str]] = {}
    for part, folder, row in tqdm(clips, desc='linking frames', unit='clip'):
        found = locate(row, str(part.root))
        target = root / folder / (row.get('video') or row['frame_dir'])
        if row.get('video') is not None:
            link_or_copy(Path(found['video']), target)
            continue
        # Clips may share a folder, and it may contain frames outside of the clip.
        files = list_frames(found['frame_dir'], row['filename_tmpl'])
        if target not in linked:
            _remove_others(target, files.values())
        names = linked.setdefault(target, set())
        for file in map(Path, files.values()):
            if file.name not in names:
                link_or_copy(file, target / file.name)
                names.add(file.name)


def _remove_others(folder: Path, files: Iterable[str]) -> None:
    """Remove frames that have changed, since their part was prepared again.

    Raises:
        MERDataError: The folder contains other files.
    """
    wanted = {os.path.basename(file): file for file in files}
    for path in folder.iterdir() if folder.is_dir() else ():
        name, ending = os.path.splitext(path.name)
        if path.name in wanted:
            if not same_content(wanted[path.name], path):
                path.unlink()
        elif ending.lower() in IMAGES or any(
            path.name.startswith(f'.{one}.') for one in wanted
        ):
            path.unlink()  # an older frame, or a partial copy
        elif not name.startswith('.'):
            raise MERDataError(
                'was not made here',
                path=path,
                hint='move it away, or choose another --out',
            )
