"""Weights that have seen the subjects that a protocol tests on are refused."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import MERRunError
from .fingerprint import pretrained_files
from .pretraining_hooks import RECORD
from .slim_checkpoint import read_checkpoint

Record = Mapping[str, list[str] | None]


def pretraining_records(cfg: Mapping[str, Any]) -> dict[Path, Record]:
    """Read on whom the weights of a config were trained.

    Args:
        cfg: A config; its ``load_from`` and every file that its model names.

    Returns:
        ``{dataset: [subject, ...] or None}`` by file; files that say nothing, as those
        of other people's pre-training, are left out.
    """
    files = [*pretrained_files(cfg.get('model')).values()]
    if cfg.get('load_from'):
        files.append(Path(cfg['load_from']))
    found = {}
    for path in files:
        if not path.is_file():
            continue
        try:
            meta = read_checkpoint(path, mmap=True).get('meta')
        except MERRunError:
            continue  # whoever loads it says what is wrong with it
        if isinstance(meta, dict) and isinstance(meta.get(RECORD), dict):
            found[path] = meta[RECORD]
    return found


def seen_in_pretraining(
    record: Record, clips: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    """Find the subjects that were seen in a pre-training.

    A subject is a data set's name and its own. Composites put the name in front of the
    subject, which makes nobody another person. Where the record does not know who was
    seen, everybody of that data set was.

    Args:
        record: Subjects by data set, of the pre-training.
        clips: Data set and subject of each clip of a protocol.

    Returns:
        Subjects by data set.

    >>> seen_in_pretraining({'mmew': ['S01']}, [('mmew', 'mmew_S01'), ('samm', 'S01')])
    {'mmew': ['mmew_S01']}
    >>> seen_in_pretraining({'dfew': None}, [('dfew', '00001')])
    {'dfew': ['00001']}
    """
    seen: dict[str, list[str]] = {}
    for dataset, subject in sorted(set(clips)):
        if dataset not in record:
            continue
        people = record[dataset]
        own = subject.removeprefix(f'{dataset}_')
        if people is None or {own, subject, f'{dataset}_{own}'} & set(people):
            seen.setdefault(dataset, []).append(subject)
    return seen


def refuse_seen_subjects(
    cfg: Mapping[str, Any],
    clips: Iterable[tuple[str, str]],
    allowed: Collection[str] = (),
) -> list[str]:
    """Refuse to test on people whose macro-expressions the weights have learnt from.

    Args:
        cfg: The config of a protocol.
        clips: Data set and subject of each of its clips.
        allowed: Names of data sets whose subjects may have been seen.

    Returns:
        Names of the data sets whose subjects were seen, all of them allowed.

    Raises:
        MERRunError: Others were; the message names file, data set and subjects.
    """
    clips = list(clips)
    names: set[str] = set()
    for path, record in pretraining_records(cfg).items():
        for dataset, subjects in seen_in_pretraining(record, clips).items():
            names.add(dataset)
            if dataset in allowed:
                continue
            shown = ', '.join(subjects[:5]) + (', ...' if len(subjects) > 5 else '')
            raise MERRunError(
                f'{path}: was trained on clips of {len(subjects)} subject(s) of '
                f'{dataset} that this protocol tests on ({shown}): what is measured '
                f'would not be how it does on strangers. Use weights pre-trained on '
                f"other people; or say loso.allow_seen=['{dataset}'], and every result "
                f'is labelled so'
            )
    return sorted(names)
