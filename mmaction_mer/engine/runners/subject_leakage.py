"""Weights that have seen the subjects that a protocol tests on are refused."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ...models.utils.slim_checkpoint import read_checkpoint
from ...utils.errors import MERRunError
from ...utils.text import quote
from ..work_dir.fingerprint import pretrained_files

Record = Mapping[str, list[str] | None]

#: Where a checkpoint's meta says on whom it was trained.
RECORD = 'pretrained_on'


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
        meta = _meta(path)
        if isinstance(meta, dict) and isinstance(meta.get(RECORD), dict):
            found[path] = _checked(meta[RECORD], path)
    return found


def _checked(record: Any, path: Path) -> Record:
    """See that a record is one; the file may be anybody's."""
    for name, people in record.items():
        known = people is None or (
            isinstance(people, list) and all(type(one) is str for one in people)
        )
        if type(name) is not str or not known:
            raise MERRunError(
                f'{path}: meta.{RECORD} has {quote(name)}: {quote(people)}, but holds '
                f'names of subjects by data set; give another checkpoint'
            )
    return record


def seen_in_pretraining(
    record: Record, clips: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    """Find the subjects that were seen in a pre-training.

    A subject is a data set's name and its own. Composites put the name in front of the
    subject, which makes nobody another person, nor does the case of a letter or a zero
    before a number. Who gives one data set two names is not found out. Where the record
    does not know who was seen, everybody of that data set was.

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
    by_name = {name.casefold(): people for name, people in record.items()}
    for dataset, subject in sorted(set(clips)):
        if dataset.casefold() not in by_name:
            continue
        people = by_name[dataset.casefold()]
        known = {_person(one, dataset) for one in people or ()}
        if people is None or _person(subject, dataset) in known:
            seen.setdefault(dataset, []).append(subject)
    return seen


def check_leakage(
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
                f"other people; or say loso.allow_leakage=['{dataset}'], and every result "
                f'is labelled so'
            )
    return sorted(names)


def people_in(dataset: Any) -> dict[str, list[str] | None]:
    """Who is in a data set: subjects by data set, None where nobody knows."""
    known = dataset.metainfo.get('subjects_known', True)
    people: dict[str, set[str]] = {}
    for index in range(len(dataset)):
        row = dataset.get_data_info(index)
        people.setdefault(row['dataset'], set()).add(row['subject'])
    return {
        name: sorted(subjects) if known else None for name, subjects in people.items()
    }


def merge_records(*records: Record) -> dict[str, list[str] | None]:
    """Everybody who was seen in any of several trainings, one on top of the other.

    >>> merge_records({'mmew': ['S2']}, {'mmew': ['S1'], 'dfew': None}, {'dfew': ['1']})
    {'dfew': None, 'mmew': ['S1', 'S2']}
    """
    merged: dict[str, list[str] | None] = {}
    for name in sorted({name for record in records for name in record}):
        parts = [record[name] for record in records if name in record]
        known = [part for part in parts if part is not None]
        everybody = sorted({one for part in known for one in part})
        merged[name] = everybody if len(known) == len(parts) else None
    return merged


def _person(subject: str, dataset: str) -> str:
    """A subject's own name, however it is spelt."""
    own = subject.casefold().removeprefix(f'{dataset.casefold()}_')
    return re.sub(r'\d+', lambda digits: str(int(digits[0])), own)


def _meta(path: Path) -> Any:
    """What a checkpoint says of itself, nothing of files that cannot be read."""
    for mmap in (True, False):  # files of old can be read, but not mapped
        try:
            return read_checkpoint(path, mmap=mmap).get('meta')
        except MERRunError:
            continue  # whoever loads it says what is wrong with it
    return None
