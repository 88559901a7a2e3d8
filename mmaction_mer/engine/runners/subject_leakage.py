"""The check that pre-trained weights have not seen the tested subjects."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ...models.utils.slim_checkpoint import read_checkpoint
from ...utils.errors import MERRunError
from ...utils.text import quote
from ..work_dir.fingerprint import pretrained_files

Record = Mapping[str, list[str] | None]

#: Field of a checkpoint's ``meta`` with the subjects that it was trained on.
RECORD = 'pretrained_on'


def pretraining_records(cfg: Mapping[str, Any]) -> dict[Path, Record]:
    """Read which subjects the pre-trained weights of a config were trained on.

    Args:
        cfg: A config; its ``load_from`` and all weights in its model are read.

    Returns:
        ``{dataset: [subject, ...] or None}`` by file; files without a record, such as
        those of other programs, are left out.

    Raises:
        MERRunError: A record is malformed.
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
    """Check the record of a file, which may come from anywhere."""
    for name, people in record.items():
        known = people is None or (
            isinstance(people, list) and all(type(one) is str for one in people)
        )
        if type(name) is not str or not known:
            raise MERRunError(
                f'has {quote(name)}: {quote(people)}, but must have names of subjects '
                f'by data set',
                path=path,
                field=f'meta.{RECORD}',
                hint='give another checkpoint',
            )
    return record


def seen_in_pretraining(
    record: Record, clips: Iterable[tuple[str, str]]
) -> dict[str, list[str]]:
    """Find the subjects that were seen in a pre-training.

    A subject is identified by the name of its data set and its own. The prefix that
    composites put before a subject, the case of letters, and leading zeros of numbers
    are ignored. One data set under two names is not detected. If the record has None
    for a data set, all of its subjects count as seen.

    Args:
        record: The subjects of the pre-training by data set.
        clips: Data set and subject of each clip of a protocol.

    Returns:
        The seen subjects by data set.

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
        known = {_own_name(one, dataset) for one in people or ()}
        if people is None or _own_name(subject, dataset) in known:
            seen.setdefault(dataset, []).append(subject)
    return seen


def check_leakage(
    cfg: Mapping[str, Any],
    clips: Iterable[tuple[str, str]],
    allowed: Collection[str] = (),
) -> list[str]:
    """Check that the weights of a config were not trained on tested subjects.

    Args:
        cfg: The config of a protocol.
        clips: Data set and subject of each of its clips.
        allowed: Names of data sets whose subjects may have been seen. Defaults to ().

    Returns:
        Names of the data sets whose subjects were seen, all of them allowed.

    Raises:
        MERRunError: Subjects of other data sets were seen; the message lists them.
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
                f'was trained on clips of {len(subjects)} subject(s) of {dataset} that '
                f'this protocol tests on ({shown}), so that the scores would not be '
                f'those of unseen subjects',
                path=path,
                hint=f'use weights that were pre-trained on other subjects, or set '
                f"loso.allow_leakage=['{dataset}'], and every result is labeled so",
            )
    return sorted(names)


def dataset_subjects(dataset: Any) -> dict[str, list[str] | None]:
    """Return the subjects of a data set as a record; None if they are unknown."""
    known = dataset.metainfo.get('subjects_known', True)
    people: dict[str, set[str]] = {}
    for index in range(len(dataset)):
        row = dataset.get_data_info(index)
        people.setdefault(row['dataset'], set()).add(row['subject'])
    return {
        name: sorted(subjects) if known else None for name, subjects in people.items()
    }


def merge_records(*records: Record) -> dict[str, list[str] | None]:
    """Merge the records of successive trainings.

    >>> merge_records({'mmew': ['S2']}, {'mmew': ['S1'], 'dfew': None}, {'dfew': ['1']})
    {'dfew': None, 'mmew': ['S1', 'S2']}
    """
    merged: dict[str, list[str] | None] = {}
    for name in sorted({name for record in records for name in record}):
        parts = [record[name] for record in records if name in record]
        known = [part for part in parts if part is not None]
        union = sorted({one for part in known for one in part})
        merged[name] = union if len(known) == len(parts) else None
    return merged


def _own_name(subject: str, dataset: str) -> str:
    """Return the name of a subject without prefix, case, and leading zeros."""
    own = subject.casefold().removeprefix(f'{dataset.casefold()}_')
    return re.sub(r'\d+', lambda digits: str(int(digits[0])), own)


def _meta(path: Path) -> Any:
    """Return the ``meta`` of a checkpoint; None if it cannot be read."""
    for mmap in (True, False):  # old files can be read, but not mapped
        try:
            return read_checkpoint(path, mmap=mmap).get('meta')
        except MERRunError:
            continue  # the loader of the weights reports the damage
    return None
