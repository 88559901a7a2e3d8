"""The clips that a run tests on, as stored in its plan ``loso.json``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...datasets.annotation import read_annotation
from ...evaluation.predictions import NAMES, Key, clip_key, shown_clip
from ...utils.errors import MERDataError
from ...utils.hashing import file_digest
from .fingerprint import fingerprint

#: Number of clips of each kind that a message names.
SHOWN = 3


@dataclass(frozen=True)
class RunClips:
    """The clips of an annotation file, as a run stores them.

    Attributes:
        tested: Label and digest of the row of each clip that some fold is tested on.
        others: The same of all other clips, such as those that a filter leaves out.
        metainfo: Digest of the ``metainfo`` of the file; empty if the file is of a
            user's own data set.
    """

    tested: Mapping[Key, tuple[int, str]]
    others: Mapping[Key, tuple[int, str]]
    metainfo: str

    def of(self, held_out: Collection[str]) -> dict[Key, int]:
        """Return the label of each tested clip of some subjects."""
        return {
            key: label for key, (label, _) in self.tested.items() if key[1] in held_out
        }

    def to_json(self) -> dict[str, Any]:
        """Return the clips as plain JSON."""
        return {
            'tested': [[*key, *value] for key, value in self.tested.items()],
            'others': [[*key, *value] for key, value in self.others.items()],
            'metainfo': self.metainfo,
        }

    @classmethod
    def from_json(cls, content: Any) -> 'RunClips | None':
        """Restore the clips from :meth:`to_json`; None from anything else."""
        try:
            tables = [
                {
                    (str(dataset), str(subject), str(clip)): (int(label), str(digest))
                    for dataset, subject, clip, label, digest in content[name]
                }
                for name in ('tested', 'others')
            ]
            return cls(*tables, metainfo=str(content['metainfo']))
        except (KeyError, OverflowError, TypeError, ValueError):
            return None

    def changes(self, new: 'RunClips') -> list[str]:
        """Describe how another version of the clips differs, one line per kind."""
        before, after = {**self.tested, **self.others}, {**new.tested, **new.others}
        both = [key for key in before if key in after]
        relabeled = [key for key in both if before[key][0] != after[key][0]]
        changed = [
            key
            for key in both
            if before[key] != after[key] and before[key][0] == after[key][0]
        ]
        found = [
            _listed('removed', [key for key in before if key not in after]),
            _listed('added', [key for key in after if key not in before]),
            _listed('relabeled', relabeled),
            _listed('changed in another field', changed),
            _listed(
                'no longer tested on (a filter, or missing frames)',
                [key for key in both if key in self.tested and key not in new.tested],
            ),
            _listed(
                'newly tested on',
                [key for key in both if key not in self.tested and key in new.tested],
            ),
        ]
        found = [line for line in found if line]
        if self.metainfo != new.metainfo:
            found.append('metainfo differs')
        if not found and [*before] != [*after]:
            found.append('the clips are in another order')
        return found


def clips_digest(clips: Mapping[Key, int]) -> str:
    """Hash clips with their labels.

    >>> clips_digest({('a', 's', 'c'): 0}) == clips_digest({('a', 's', 'c'): 1})
    False
    """
    rows = sorted([*key, label] for key, label in clips.items())
    return fingerprint({'clips': rows})


def collect_clips(
    path: Path, rows: Sequence[Mapping[str, Any]]
) -> tuple[RunClips, str]:
    """Collect the clips of an annotation file, and hash its content.

    Args:
        path: The annotation file.
        rows: The rows that are tested on, as returned by their data set.

    Returns:
        The clips, and a digest that does not depend on white space and the order of
        keys; for the file of a user's own data set, the digest of its bytes.
    """
    try:
        content = read_annotation(path)
    except MERDataError:
        known, metainfo, digest = {}, '', file_digest(path)
    else:
        known = {
            clip_key(row): (row['label'], fingerprint(row)[:16])
            for row in content['data_list']
        }
        metainfo = fingerprint(content['metainfo'])
        digest = fingerprint(content)
    named = [row for row in rows if all(name in row for name in (*NAMES, 'label'))]
    tested = {
        clip_key(row): known.get(clip_key(row), (int(row['label']), ''))
        for row in named
    }
    others = {key: value for key, value in known.items() if key not in tested}
    return RunClips(tested, others, metainfo), digest


def _listed(what: str, keys: Sequence[Key]) -> str:
    if not keys:
        return ''
    names = ', '.join(map(shown_clip, keys[:SHOWN]))
    more = f' and {len(keys) - SHOWN} more' if len(keys) > SHOWN else ''
    return f'{len(keys)} clip(s) {what}: {names}{more}'
