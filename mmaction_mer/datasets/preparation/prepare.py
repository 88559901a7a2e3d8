"""From a release to a prepared folder: annotations, frames, report.

``annotations.json`` has the release's usual labels, ``annotations_<labels>.json`` the
others; all share ``frames/``. Nothing is guessed: what cannot be used is listed in
``report.md`` and ``report.json`` with its row, clip, field and reason. Where a run
fails and what was prepared before stays, its report does too: that of the run that
failed is ``report_failed.md`` and ``report_failed.json``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...motion.limits import ClipLimits, check_clip_limits
from ...utils.errors import MERDataError
from ...utils.text import quote
from ..annotation_rules import MAX_FPS, name_problem, row_problems
from ..checking import is_macro, is_micro
from ..clip_store.sources import digest
from ..clips import count_frames
from ..faces.model import find_model
from .disk.walk import archive_stem
from .frame_numbering import Habits, describe
from .frame_writer import Crop, Job, finder, template, write_frames
from .issues import Clip, Finding, Reading, drop_repeated
from .labels import LABEL_MAPS, LabelMap, emotion_key
from .out_folder import OutFolder, out_folder
from .readers.reader import Reader, Source
from .reconcile import Settled, settle
from .report import Report, make_report, write_report
from .swapping import Swap, undone_if_cut
from .video_rates import settle_rate

SMALLEST, LARGEST = 32, 2048
_FAILED = 'report_failed'


@dataclass(frozen=True)
class Options:
    """What a user may choose.

    Attributes:
        crop: Crop and align faces; otherwise frames are taken as they are.
        size: Side of the cropped pictures in pixels.
        face_model: File of the face finder; found where it is installed.
        fps: Frame rate in Hz for releases that do not say it.
        max_skipped: So many clips may be left out; None is half of them.
        workers: Processes that read frames.
        progress: Show progress bars.
        limits: What the pipeline asks of a clip's length; None asks for nothing.
            Macro-expressions are for pre-training, which draws short pieces of them.
    """

    crop: bool = True
    size: int = 224
    face_model: Path | None = None
    fps: float | None = None
    max_skipped: int | None = None
    workers: int = 1
    progress: bool = True
    limits: ClipLimits | None = ClipLimits()


@dataclass(frozen=True)
class Prepared:
    """What was prepared.

    Attributes:
        report: The content of ``report.json``.
        rows: Annotation rows of all clips that can be used, whatever their emotion.
        files: The annotation files, the usual labels first.
    """

    report: Report
    rows: list[dict[str, Any]]
    files: list[Path]

    @property
    def differences(self) -> list[str]:
        """What a complete release would not have: other counts, clips left out."""
        lines = [
            f'{one["labels"]}: {line}'
            for one in self.report['labels']
            for line in one['differences']
        ]
        left_out = self.report['skipped']
        return lines + ([f'{left_out} clips or rows are left out'] if left_out else [])


@dataclass
class _State:
    """What is known on the way."""

    reader: Reader
    out: OutFolder
    reading: Reading
    habits: Habits
    settled: list[Settled]
    findings: list[Finding]


def prepare(reader: Reader, source: Source, out: Path, options: Options) -> Prepared:
    """Prepare a release.

    Args:
        reader: How it is read.
        source: The release.
        out: The prepared folder; may hold an earlier attempt, which is gone on with,
            or what was prepared before, which is replaced when all of the new is done.
        options: The user's choices.

    Returns:
        What was prepared.

    Raises:
        MERDataError: The release cannot be read, holds no clip that can be used, or
            more is left out than the user allows; the report is written all the same,
            and what an earlier run has prepared stays.
    """
    _check(reader, source, out, options)
    crop = None
    if options.crop:
        crop = Crop(options.size, find_model(options.face_model))
        finder(crop.model)  # a model that cannot be read is found before anything else
    reading = reader.read(source)
    if source.sheet is not None and not reading.source:
        raise MERDataError(
            f'{source.sheet}: {reader.title} has no spreadsheet, its folders are its '
            f'labels: leave out --sheet'
        )
    drop_repeated(reading)
    # Of sets that no reader is made for, the folder is the name.
    name = source.root.resolve().name
    title = reader.title if reader.labels else f'{name} ({reader.title})'
    with out_folder(out, title) as folder, undone_if_cut(folder):
        settled, findings, habits = settle(
            reading.clips, options.progress, options.workers
        )
        findings = [*reading.findings, *findings]
        state = _State(reader, folder, reading, habits, settled, findings)
        jobs = _jobs(state, crop, options)
        used = [job.settled.clip for job in jobs]
        _conclude(state, used, {}, options)
        # Where nothing is finished yet, there is nothing to keep until all is.
        swap = (
            None if folder.annotations() else Swap(folder, [job.names for job in jobs])
        )
        receipts, waiting = write_frames(jobs, swap, options.workers, options.progress)
        done = []
        for job, receipt in zip(jobs, receipts, strict=True):
            if 'error' in receipt:
                clip = job.settled.clip
                reason = receipt['error']
                findings.append(clip.finding(receipt['field'], 'skipped', reason))
            else:
                done.append(job)
                if depth := receipt.get('depth'):
                    findings.append(job.settled.clip.finding('depth', 'noted', depth))
        used = [job.settled.clip for job in done]
        faces = [one['face']['how'] for one in receipts if 'face' in one]
        maps, report = _conclude(
            state, used, {how: faces.count(how) for how in sorted({*faces})}, options
        )
        rows = [_row(job) | {'dataset': _dataset(state)} for job in done]
        made_from = sorted(one['made_from'] for one in receipts if 'names' in one)
        contents = _annotations(state, maps, rows, used, digest(made_from))
        if swap is None:
            swap = Swap(folder, [job.names for job in waiting])
            for job in waiting:
                swap.put(*job.names)
        files = swap.publish(contents)
        swap.close()
        write_report(folder.path, report)
        for ending in ('json', 'md'):
            (folder.path / f'{_FAILED}.{ending}').unlink(missing_ok=True)
        # Clips that the release still names may only be away for a while.
        named = {(clip.subject, clip.name) for clip in reading.clips}
        folder.remove_clips(but=named)
    return Prepared(report, rows, files)


def _check(reader: Reader, source: Source, out: Path, options: Options) -> None:
    """Refuse what cannot be meant."""
    root = source.root
    if root.is_file():
        what = 'an archive: unpack it and' if archive_stem(root.name) else 'a file:'
        raise MERDataError(f'{root}: is {what} give the folder as --root')
    if not root.is_dir():
        raise MERDataError(
            f'{root}: there is no such folder: give the release as --root'
        )
    inner, outer = out.resolve(), root.resolve()
    if inner == outer or inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise MERDataError(
            f'{out}: lies inside the release or around it: choose another --out'
        )
    if options.fps is not None and reader.fps is not None:
        raise MERDataError(
            f'--fps {options.fps:g}: {reader.title} is recorded at {reader.fps:g} Hz: '
            f'leave it out'
        )
    if options.fps is not None and not 0 < options.fps <= MAX_FPS:
        raise MERDataError(f'--fps {options.fps:g}: is no frame rate in Hz')
    if options.workers < 1 or (options.max_skipped or 0) < 0:
        raise MERDataError(
            f'--workers {options.workers}, --max-skipped {options.max_skipped}: give '
            f'one worker or more, and no number below zero'
        )
    if options.crop and not SMALLEST <= options.size <= LARGEST:
        raise MERDataError(
            f'--size {options.size}: give {SMALLEST} to {LARGEST} pixels'
        )
    if not reader.dataset and (problem := name_problem(out.resolve().name)):
        raise MERDataError(f'{out}: names the data set, but the name {problem}')


def _jobs(state: _State, crop: Crop | None, options: Options) -> list[Job]:
    """Make the jobs, of clips that an annotation file can hold and a model can use."""
    jobs = []
    for one in state.settled:
        rate = one.clip.fps or state.reader.fps or options.fps
        if one.frames is None:
            timed, found = settle_rate(one, rate, crop is not None)
            state.findings += found
            if timed is None:
                continue
            one, rate = timed, timed.clip.fps
        job = Job(replace(one, clip=replace(one.clip, fps=rate)), state.out, crop)
        problems = [*row_problems({'dataset': 'x', 'label': 0, **_row(job)}, None)]
        if rate is None:
            reason = 'no frame rate: add a column fps, or give --fps'
            state.findings.append(one.clip.finding('fps', 'skipped', reason))
        elif problems:
            field, reason = problems[0]
            state.findings.append(one.clip.finding(field, 'skipped', reason))
        elif problem := name_problem(emotion_key(one.clip.emotion)):
            reason = f'{quote(one.clip.emotion)}: {problem}'
            state.findings.append(one.clip.finding('emotion', 'skipped', reason))
        elif _fits(state, job, options.limits):
            jobs.append(job)
    return jobs


def _fits(state: _State, job: Job, limits: ClipLimits | None) -> bool:
    """Tell whether a pipeline can use a clip, and add what is to be known of it."""
    if limits is None or is_macro(state.reader.task):
        return True
    clip, row, total = job.settled.clip, _row(job), None
    if job.settled.frames is None and job.crop is None:
        total = count_frames({**row, 'dataset': 'x', 'video': str(clip.path)})
    verdict = check_clip_limits(limits, row, is_micro(state.reader.task), total)
    if verdict.problem is not None:
        state.findings.append(clip.finding(verdict.field, 'skipped', verdict.problem))
        return False
    state.findings += [
        clip.finding(field, 'noted', reason) for field, reason in verdict.notes
    ]
    return True


def _conclude(
    state: _State, used: Sequence[Clip], faces: dict[str, int], options: Options
) -> tuple[Sequence[LabelMap], Report]:
    """Report how it stands, and refuse to go on if too much is lost.

    What an earlier run has prepared keeps its own report until it is replaced.
    """
    maps = LABEL_MAPS.get(state.reader.labels) or _own_map(used)
    title = state.reader.title
    report = make_report(
        title if state.reader.labels else f'{_dataset(state)} ({title})',
        state.reading,
        'folders are the clips'
        if all(clip.whole for clip in state.reading.clips)
        else describe(state.habits),
        maps,
        used,
        state.findings,
        faces,
    )
    kept = bool(state.out.annotations())
    where = state.out.path / f'{_FAILED if kept else "report"}.md'
    rows, left_out = max(state.reading.rows, len(used)), report['skipped']
    allowed = rows // 2 if options.max_skipped is None else options.max_skipped
    lost = not used or left_out > allowed
    if lost or not maps or not kept:
        write_report(state.out.path, report, where.stem)
    if lost:
        sheet = f' ({state.reading.source})' if state.reading.source else ''
        raise MERDataError(
            f'{len(used)} of {rows} clips{sheet} can be used, {left_out} are left out'
            + ('' if options.max_skipped is None else f', --max-skipped is {allowed}')
            + f': {where} says why, row by row; most often: {_commonest(report)}'
            + (f'; if this is all you have: --max-skipped {left_out}' if used else '')
        )
    if not maps:
        raise MERDataError(
            f'all clips have one emotion, {quote(used[0].emotion)}, and two classes '
            f'are needed: check the column; {where} lists what was left out'
        )
    return maps, report


def _commonest(report: Report) -> str:
    reasons = Counter(
        f'{one["field"]}: {one["reason"]}'
        for one in report['findings']
        if one['action'] == 'skipped'
    )
    return reasons.most_common(1)[0][0] if reasons else 'there is no row'


def _own_map(clips: Sequence[Clip]) -> tuple[LabelMap, ...]:
    """A label map whose classes are the emotions that occur; none for one emotion."""
    names = sorted({emotion_key(clip.emotion) for clip in clips})
    if len(names) < 2:
        return ()
    same = {name: name for name in names}
    return (LabelMap(f'{len(names)}class', tuple(names), same),)


def _dataset(state: _State) -> str:
    return state.reader.dataset or state.out.path.resolve().name


def _row(job: Job) -> dict[str, Any]:
    """The row of an annotation file, without data set and label."""
    clip, name = job.settled.clip, '/'.join(job.names)
    tmpl = template(job)
    if tmpl is None:
        assert clip.path is not None
        source = {'video': f'{name}/{clip.path.name}'}
    else:
        source = {'frame_dir': name, 'filename_tmpl': tmpl}
    return {
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


def _annotations(
    state: _State,
    maps: Sequence[LabelMap],
    rows: Sequence[dict[str, Any]],
    used: Sequence[Clip],
    frames: str,
) -> dict[str, dict[str, Any]]:
    """Make the contents of the annotation files, by their names."""
    contents = {}
    for number, labels in enumerate(maps):
        name = 'annotations' if number == 0 else f'annotations_{labels.name}'
        labelled = [
            {**row, 'label': labels.classes.index(found)}
            for row, clip in zip(rows, used, strict=True)
            if (found := labels.class_of(clip.emotion, clip.title)) is not None
        ]
        if not labelled:
            continue
        metainfo = {
            'dataset': state.reader.labels or _dataset(state),
            'labels': labels.name,
            'task_name': state.reading.task or state.reader.task,
            'classes': list(labels.classes),
            'subjects_known': state.reading.subjects_known,
            # With it a run that is resumed notices that the pictures are others.
            'frames': frames,
            'format': 1,
        }
        contents[f'{name}.json'] = {'metainfo': metainfo, 'data_list': labelled}
    return contents
