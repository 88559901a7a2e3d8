"""From a release to a prepared folder: annotations, frames, report.

``annotations.json`` has the release's usual labels, ``annotations_<labels>.json`` the
others; all share ``frames/``. Nothing is guessed: what cannot be used is listed in
``report.md`` and ``report.json`` with its row, clip, field and reason.
"""

import itertools
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ...utils import atomic_write, write_json
from ..annotation import MERDataError, write_annotation
from ..faces import find_model
from ..labels import LABEL_MAPS, LabelMap, emotion_key
from ..parallel import in_processes
from ..rules import name_problem
from . import report
from .findings import Clip, Finding, Reading
from .frame_writer import Crop, Job, write_clip
from .habits import describe
from .reader import Reader, Source
from .settle import Settled, settle

RECEIPTS = '.receipts'


@dataclass(frozen=True)
class Options:
    """What a user may choose.

    Attributes:
        crop: Crop and align faces; otherwise frames are taken as they are.
        size: Side of the cropped pictures in pixels.
        face_model: File of the face finder; found where it is installed.
        fps: Frame rate in Hz for releases that do not say it.
        max_skipped: So many rows may be left out; None is half of them.
        workers: Processes that crop.
        progress: Show progress bars.
    """

    crop: bool = True
    size: int = 224
    face_model: Path | None = None
    fps: float | None = None
    max_skipped: int | None = None
    workers: int = 1
    progress: bool = True


@dataclass(frozen=True)
class Prepared:
    """What was prepared.

    Attributes:
        report: The content of ``report.json``.
        rows: Annotation rows of all clips that can be used, whatever their emotion.
        files: The annotation files, the usual labels first.
    """

    report: dict[str, Any]
    rows: list[dict[str, Any]]
    files: list[Path]

    @property
    def differences(self) -> list[str]:
        """Where the counts differ from those of a complete release."""
        return [
            f'{one["labels"]}: {line}'
            for one in self.report['labels']
            for line in one['differences']
        ]


def prepare(reader: Reader, source: Source, out: Path, options: Options) -> Prepared:
    """Prepare a release.

    Args:
        reader: How it is read.
        source: The release.
        out: The prepared folder; may hold an earlier attempt, which is gone on with.
        options: The user's choices.

    Returns:
        What was prepared.

    Raises:
        MERDataError: The release cannot be read, holds no clip that can be used, or
            more rows are left out than the user allows. In the last case the report is
            written all the same.
    """
    root = source.root
    if not root.is_dir():
        raise MERDataError(
            f'{root}: there is no such folder: give the release as --root'
        )
    _refuse_nested(root, out)
    crop = Crop(options.size, find_model(options.face_model)) if options.crop else None
    reading = reader.read(source)
    clips = _nameable(reading)
    settled, findings, habits = settle(clips)
    findings = [*reading.findings, *findings]
    if not (reader.fps or options.fps or any(clip.fps for clip in clips)):
        raise MERDataError(
            f'{root}: no frame rate is known: give --fps, or a column fps in Hz'
        )
    settled = _with_rates(settled, reader.fps or options.fps, findings)
    receipts = _write_frames(settled, out, crop, options)
    rows, used = [], []
    for one, receipt in zip(settled, receipts, strict=True):
        if 'error' in receipt:
            findings.append(
                one.clip.finding(receipt['field'], 'skipped', receipt['error'])
            )
            continue
        used.append(one.clip)
        rows.append(_row(reader.dataset or out.resolve().name, one.clip, receipt))
    maps = LABEL_MAPS.get(reader.labels) or (_own_map(clips),)
    findings += _strange_emotions(used, maps)
    findings.sort(key=lambda one: (one.row is None, one.row or 0, one.clip))
    comparisons = [
        report.compare(one, reading.variant, clips, used, findings) for one in maps
    ]
    faces = Counter(
        receipt['face']['how'] for receipt in receipts if receipt.get('face')
    )
    content = report.as_json(
        reader.title if reader.labels else f'{out.resolve().name} ({reader.title})',
        reading.source,
        reading.variant,
        'folders are the clips'
        if all(clip.whole for clip in clips)
        else describe(habits),
        reading.rows,
        comparisons,
        findings,
        faces,
    )
    write_json(out / 'report.json', content)
    atomic_write(out / 'report.md', report.as_markdown(content))
    skipped = sum(one.action == 'skipped' for one in findings)
    allowed = options.max_skipped
    if not used or skipped > (reading.rows // 2 if allowed is None else allowed):
        raise MERDataError(
            f'{root}: {len(used)} of {reading.rows} clips can be used, {skipped} '
            f'are left out'
            + ('' if allowed is None else f', and --max-skipped is {allowed}')
            + f'; {out / "report.md"} says why, row by row'
        )
    files = _write_annotations(out, maps, rows, used, reader)
    return Prepared(content, rows, files)


def _strange_emotions(clips: Sequence[Clip], maps: Sequence[LabelMap]) -> list[Finding]:
    """Clips that no label map has a class for, because of what they are called."""
    known = set(itertools.chain(*(one.emotions for one in maps)))
    findings = []
    for clip in clips:
        if emotion_key(clip.emotion) in known:
            continue
        words = [emotion_key(word) for word in re.split(r'[\s,+/&;]+', clip.emotion)]
        if known.issuperset(words):
            reason = f'{clip.emotion!r} is more than one emotion: in no class'
            findings.append(clip.finding('emotion', 'noted', reason))
        else:
            reason = f'{clip.emotion!r} is no emotion of this release: in no class'
            findings.append(clip.finding('emotion', 'skipped', reason))
    return findings


def _refuse_nested(root: Path, out: Path) -> None:
    inner, outer = out.resolve(), root.resolve()
    if inner == outer or inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise MERDataError(
            f'{out}: lies inside the release or around it: choose another --out'
        )


def _nameable(reading: Reading) -> list[Clip]:
    """Drop clips whose subject or name cannot be a folder's."""
    kept = []
    for clip in reading.clips:
        problem = name_problem(clip.subject) or name_problem(clip.name)
        if problem:
            reading.findings.append(clip.finding('clip', 'skipped', problem))
        else:
            kept.append(clip)
    return kept


def _with_rates(
    settled: Sequence[Settled], fps: float | None, findings: list[Finding]
) -> list[Settled]:
    kept = []
    for one in settled:
        if one.clip.fps or fps:
            kept.append(replace(one, clip=replace(one.clip, fps=one.clip.fps or fps)))
        else:
            findings.append(
                one.clip.finding(
                    'fps', 'skipped', 'no frame rate: add a column or give --fps'
                )
            )
    return kept


def _write_frames(
    settled: Sequence[Settled], out: Path, crop: Crop | None, options: Options
) -> list[dict[str, Any]]:
    jobs = [
        Job(
            one,
            out / 'frames' / one.clip.subject / one.clip.name,
            out / RECEIPTS / one.clip.subject / f'{one.clip.name}.json',
            crop,
        )
        for one in settled
    ]
    _remove_strangers(out, jobs)
    what = 'linking frames' if crop is None else 'cropping faces'
    return list(
        tqdm(
            in_processes(write_clip, jobs, 1 if crop is None else options.workers),
            total=len(jobs),
            desc=what,
            unit='clip',
            disable=not options.progress,
        )
    )


def _remove_strangers(out: Path, jobs: Sequence[Job]) -> None:
    """Remove clips of an earlier attempt that are none any more."""
    wanted = {job.folder for job in jobs}
    for folder in (out / 'frames').glob('*/*'):
        if folder not in wanted and (out / RECEIPTS).is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def _row(dataset: str, clip: Clip, receipt: dict[str, Any]) -> dict[str, Any]:
    folder = f'{clip.subject}/{clip.name}'
    if receipt['template'] is None:
        source = {'video': f'{folder}/{receipt["video"]}'}
    else:
        source = {'frame_dir': folder, 'filename_tmpl': receipt['template']}
    return {
        'dataset': dataset,
        'subject': clip.subject,
        'clip': clip.name,
        **source,
        'onset': clip.onset,
        'apex': clip.apex,
        'offset': clip.offset,
        'fps': clip.fps,
        'emotion': clip.emotion,
        'aus': list(clip.aus),
    }


def _own_map(clips: Sequence[Clip]) -> LabelMap:
    """A label map whose classes are the emotions that occur."""
    names = sorted({emotion_key(clip.emotion) for clip in clips})
    if len(names) < 2:
        raise MERDataError(
            f'all clips have one emotion, {", ".join(names) or "none"}: two classes '
            f'are needed; check the column'
        )
    return LabelMap(f'{len(names)}class', tuple(names), {name: name for name in names})


def _write_annotations(
    out: Path,
    maps: Sequence[LabelMap],
    rows: Sequence[dict[str, Any]],
    used: Sequence[Clip],
    reader: Reader,
) -> list[Path]:
    files = []
    for number, labels in enumerate(maps):
        name = 'annotations' if number == 0 else f'annotations_{labels.name}'
        path = out / f'{name}.json'
        labelled = [
            {**row, 'label': labels.classes.index(found)}
            for row, clip in zip(rows, used, strict=True)
            if (found := labels.class_of(clip.emotion, clip.title)) is not None
        ]
        if not labelled:
            path.unlink(missing_ok=True)
            continue
        metainfo = {
            'dataset': reader.labels or out.resolve().name,
            'labels': labels.name,
            'task_name': reader.task,
            'classes': list(labels.classes),
            'format': 1,
        }
        files.append(
            write_annotation(path, {'metainfo': metainfo, 'data_list': labelled})
        )
    return files
