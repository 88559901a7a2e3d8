"""Prepare a release: write annotations, frames and a report to a folder.

``annotations.json`` has the usual labels of the release, ``annotations_<labels>.json``
the others; all share ``frames/``. Nothing is guessed: everything that cannot be used is
listed in ``report.md`` and ``report.json`` with row, clip, field and reason. If a run
fails and the result of an earlier one is kept, so is its report; that of the failed run
is ``report_failed.md`` and ``report_failed.json``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...motion.limits import check_clip_limits
from ...utils.errors import MERDataError
from ...utils.text import quote
from ..annotation_rules import name_problem, row_problems
from ..checking import is_macro, is_micro
from ..clip_cache.sources import digest
from ..clips import count_frames
from ..faces.model import find_model
from .duplicates import drop_duplicates
from .frame_writer import ClipJob, Crop, face_finder, write_frames
from .issues import Clip, ParsedRelease
from .labels import LABEL_MAPS, LabelMap, emotion_key
from .options import Options, check_options
from .out_folder import OutFolder, out_folder
from .readers.reader import Reader, Source
from .reconcile import reconcile_clips
from .report import Report, make_report, write_report
from .transaction import Transaction, rolled_back_on_failure
from .video_rates import resolve_frame_rate

__all__ = ['Options', 'PreparedRelease', 'prepare']

_FAILED = 'report_failed'


@dataclass(frozen=True)
class PreparedRelease:
    """The result of a preparation.

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
        """Differences from a complete release: other counts, clips left out."""
        lines = [
            f'{one["labels"]}: {line}'
            for one in self.report['labels']
            for line in one['differences']
        ]
        left_out = self.report['skipped']
        return lines + ([f'{left_out} clips or rows are left out'] if left_out else [])


def prepare(
    reader: Reader, source: Source, out: Path, options: Options
) -> PreparedRelease:
    """Prepare a release.

    Args:
        reader: Reader of the release.
        source: The release.
        out: The prepared folder. An interrupted attempt in it is continued, an earlier
            result is replaced when all of the new one is done.
        options: The user's choices.

    Raises:
        MERDataError: The release cannot be read, no clip can be used, or more clips are
            left out than the user allows. The report is written nevertheless, and the
            result of an earlier run is kept.
    """
    check_options(reader, source, out, options)
    crop = None
    if options.crop:
        crop = Crop(options.size, find_model(options.face_model))
        face_finder(crop.model)  # a broken model is reported before anything else
    release = reader.read(source)
    if source.sheet is not None and not release.spreadsheet:
        raise MERDataError(
            f'{reader.title} has no spreadsheet, its folders are its labels',
            path=source.sheet,
            hint='leave out --sheet',
        )
    drop_duplicates(release)
    # Without a reader of its own, a data set is named by its folder.
    name = source.root.resolve().name
    title = reader.title if reader.labels else f'{name} ({reader.title})'
    with out_folder(out, title) as folder, rolled_back_on_failure(folder):
        done = _Preparation(reader, folder, release, crop, options).run()
        for ending in ('json', 'md'):
            (folder.path / f'{_FAILED}.{ending}').unlink(missing_ok=True)
        # Clips that the release still names may only be missing for a while.
        folder.remove_clips(keep={(clip.subject, clip.name) for clip in release.clips})
    return done


class _Preparation:
    """One run in a locked folder.

    Args:
        reader: Reader of the release.
        out: The prepared folder.
        release: What the reader has returned.
        crop: How faces are cropped; None links frames.
        options: The user's choices.
    """

    def __init__(
        self,
        reader: Reader,
        out: OutFolder,
        release: ParsedRelease,
        crop: Crop | None,
        options: Options,
    ) -> None:
        self.reader, self.out, self.release = reader, out, release
        self.crop, self.options = crop, options
        self.dataset = reader.dataset or out.path.resolve().name
        self.issues = list(release.issues)

    def run(self) -> PreparedRelease:
        """Reconcile, write and publish all clips."""
        jobs = self._select_jobs()
        self._report([job.source.clip for job in jobs], {})
        # An earlier result is kept until all of the new one is done.
        transaction = None
        if not self.out.annotations():
            transaction = Transaction(self.out, [job.names for job in jobs])
        receipts, staged = write_frames(
            jobs, transaction, self.options.workers, self.options.progress
        )
        done = []
        for job, receipt in zip(jobs, receipts, strict=True):
            clip = job.source.clip
            if 'error' in receipt:
                issue = clip.issue(receipt['field'], 'skipped', receipt['error'])
                self.issues.append(issue)
                continue
            done.append(job)
            if depth := receipt.get('depth'):
                self.issues.append(clip.issue('depth', 'noted', depth))
        faces = Counter(one['face']['how'] for one in receipts if 'face' in one)
        used = [job.source.clip for job in done]
        maps, report = self._report(used, dict(sorted(faces.items())))
        rows = [{**_annotation_row(job), 'dataset': self.dataset} for job in done]
        made_from = sorted(one['made_from'] for one in receipts if 'names' in one)
        contents = self._annotations(maps, rows, used, digest(made_from))
        if transaction is None:
            transaction = Transaction(self.out, [job.names for job in staged])
            for job in staged:
                transaction.publish_clip(*job.names)
        files = transaction.publish_annotations(contents)
        transaction.commit()
        write_report(self.out.path, report)
        return PreparedRelease(report, rows, files)

    def _select_jobs(self) -> list[ClipJob]:
        """Select the clips that an annotation file can hold and a model can use."""
        reconciled, issues, numbering = reconcile_clips(
            self.release.clips, self.options.progress, self.options.workers
        )
        self.numbering = str(numbering)
        if all(clip.whole for clip in self.release.clips):
            self.numbering = 'folders are the clips'
        self.issues += issues
        jobs: list[ClipJob] = []
        for one in reconciled:
            rate = one.clip.fps or self.reader.fps or self.options.fps
            if one.frames is None:
                timed, issues = resolve_frame_rate(one, rate, self.crop is not None)
                self.issues += issues
                if timed is None:
                    continue
                one, rate = timed, timed.clip.fps
            clip = replace(one.clip, fps=rate)
            job = ClipJob(replace(one, clip=clip), self.out, self.crop)
            row = {'dataset': 'x', 'label': 0, **_annotation_row(job)}
            problem: tuple[str, str] | None
            if rate is None:
                problem = 'fps', 'no frame rate: add a column fps, or give --fps'
            elif problems := row_problems(row, None):
                problem = problems[0]
            elif reason := name_problem(emotion_key(clip.emotion)):
                problem = 'emotion', f'{quote(clip.emotion)}: {reason}'
            else:
                problem = self._check_limits(job)
            if problem is None:
                jobs.append(job)
            else:
                self.issues.append(clip.issue(problem[0], 'skipped', problem[1]))
        return jobs

    def _check_limits(self, job: ClipJob) -> tuple[str, str] | None:
        """Return why a pipeline cannot use a clip, and add notes on its length."""
        limits = self.options.limits
        if limits is None or is_macro(self.reader.task):
            return None
        clip, row, total = job.source.clip, _annotation_row(job), None
        if job.source.frames is None and job.crop is None:
            total = count_frames({**row, 'dataset': 'x', 'video': str(clip.path)})
        verdict = check_clip_limits(limits, row, is_micro(self.reader.task), total)
        if verdict.problem is not None:
            return verdict.field, verdict.problem
        self.issues += [
            clip.issue(field, 'noted', reason) for field, reason in verdict.notes
        ]
        return None

    def _report(
        self, used: Sequence[Clip], faces: dict[str, int]
    ) -> tuple[Sequence[LabelMap], Report]:
        """Make the report, and write it if it is that of the folder or of a failure.

        Raises:
            MERDataError: No clip can be used, too many are left out, or all have one
                emotion.
        """
        maps = LABEL_MAPS.get(self.reader.labels) or _make_label_map(used)
        title, options = self.reader.title, self.options
        report = make_report(
            title if self.reader.labels else f'{self.dataset} ({title})',
            self.release,
            self.numbering,
            maps,
            used,
            self.issues,
            faces,
        )
        keeps_earlier = bool(self.out.annotations())
        path = self.out.path / f'{_FAILED if keeps_earlier else "report"}.md'
        rows, left_out = max(self.release.rows, len(used)), report['skipped']
        allowed = rows // 2 if options.max_skipped is None else options.max_skipped
        failed = not used or left_out > allowed
        if failed or not maps or not keeps_earlier:
            write_report(self.out.path, report, path.stem)
        if failed:
            sheet = self.release.spreadsheet
            limit = ''
            if options.max_skipped is not None:
                limit = f', --max-skipped is {allowed}'
            advice = f'; to prepare the rest: --max-skipped {left_out}' if used else ''
            raise MERDataError(
                f'{len(used)} of {rows} clips{f" ({sheet})" if sheet else ""} can be '
                f'used, {left_out} are left out{limit}; most often: '
                f'{_most_common_reason(report)}',
                hint=f'{path} lists the reasons, row by row{advice}',
            )
        if not maps:
            raise MERDataError(
                f'all clips have one emotion, {quote(used[0].emotion)}, but two '
                f'classes are needed',
                hint=f'check the column; {path} lists the clips that are left out',
            )
        return maps, report

    def _annotations(
        self,
        maps: Sequence[LabelMap],
        rows: Sequence[dict[str, Any]],
        used: Sequence[Clip],
        frames: str,
    ) -> dict[str, dict[str, Any]]:
        """Return the contents of the annotation files, by their names."""
        contents = {}
        for number, labels in enumerate(maps):
            name = 'annotations' if number == 0 else f'annotations_{labels.name}'
            labeled = [
                {**row, 'label': labels.classes.index(found)}
                for row, clip in zip(rows, used, strict=True)
                if (found := labels.class_of(clip.emotion, clip.title)) is not None
            ]
            if not labeled:
                continue
            metainfo = {
                'dataset': self.reader.labels or self.dataset,
                'labels': labels.name,
                'task_name': self.release.task or self.reader.task,
                'classes': list(labels.classes),
                'subjects_known': self.release.subjects_known,
                # A resumed run notices by it that the images have changed.
                'frames': frames,
                'format': 1,
            }
            contents[f'{name}.json'] = {'metainfo': metainfo, 'data_list': labeled}
        return contents


def _annotation_row(job: ClipJob) -> dict[str, Any]:
    """Return the row of an annotation file, without data set and label."""
    clip, name = job.source.clip, '/'.join(job.names)
    if job.template is None:
        assert clip.path is not None
        source = {'video': f'{name}/{clip.path.name}'}
    else:
        source = {'frame_dir': name, 'filename_tmpl': job.template}
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


def _make_label_map(clips: Sequence[Clip]) -> tuple[LabelMap, ...]:
    """Make a label map of the emotions that occur; none for a single emotion."""
    names = sorted({emotion_key(clip.emotion) for clip in clips})
    if len(names) < 2:
        return ()
    same = {name: name for name in names}
    return (LabelMap(f'{len(names)}class', tuple(names), same),)


def _most_common_reason(report: Report) -> str:
    reasons = Counter(
        f'{one["field"]}: {one["reason"]}'
        for one in report['issues']
        if one['action'] == 'skipped'
    )
    return reasons.most_common(1)[0][0] if reasons else 'there is no row'
