"""The clips that a run tests on, as its plan and its ``loso.json`` know them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...datasets.annotation import read_annotation
from ...evaluation.predictions import NAMES, Key, clip_key, shown_clip
from ...utils.errors import MERDataError
from ...utils.hashing import file_digest
from .fingerprint import fingerprint

#: So many clips of each kind are named in a message.
SHOWN = 3


@dataclass(frozen=True)
class RunClips:
    """What a run knows of the clips of its annotation file.

    Attributes:
        tested: Label and digest of the row of each clip that some fold is tested on.
        others: The same of all other clips, such as those a filter leaves out.
        metainfo: Digest of what the file says besides its clips; empty where the file
            is not an annotation of ours.
    """

    tested: Mapping[Key, tuple[int, str]]
    others: Mapping[Key, tuple[int, str]]
    metainfo: str

    def of(self, held_out: Collection[str]) -> dict[Key, int]:
        """Return the label of each clip that is tested when some subjects are."""
        return {
            key: label for key, (label, _) in self.tested.items() if key[1] in held_out
        }

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON."""
        return {
            'tested': [[*key, *value] for key, value in self.tested.items()],
            'others': [[*key, *value] for key, value in self.others.items()],
            'metainfo': self.metainfo,
        }

    @classmethod
    def from_json(cls, content: Any) -> 'RunClips | None':
        """Read what :meth:`to_json` returned; None for anything else."""
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
        """Say what another state of the clips has otherwise, a line each."""
        before, after = {**self.tested, **self.others}, {**new.tested, **new.others}
        both = [key for key in before if key in after]
        relabelled = [key for key in both if before[key][0] != after[key][0]]
        changed = [
            key
            for key in both
            if before[key] != after[key] and before[key][0] == after[key][0]
        ]
        found = [
            _listed('removed', [key for key in before if key not in after]),
            _listed('added', [key for key in after if key not in before]),
            _listed('relabeled', relabelled),
            _listed('changed in another field', changed),
            _listed(
                'no longer tested on (a filter, or frames that are not there)',
                [key for key in both if key in self.tested and key not in new.tested],
            ),
            _listed(
                'tested on that were not',
                [key for key in both if key not in self.tested and key in new.tested],
            ),
        ]
        found = [line for line in found if line]
        if self.metainfo != new.metainfo:
            found.append('metainfo differs')
        if not found and [*before] != [*after]:
            found.append('the clips stand in another order')
        return found


def digest_of(clips: Mapping[Key, int]) -> str:
    """Hash clips with their labels.

    >>> digest_of({('a', 's', 'c'): 0}) == digest_of({('a', 's', 'c'): 1})
    False
    """
    rows = sorted([*key, label] for key, label in clips.items())
    return fingerprint({'clips': rows})


def look_at_clips(
    path: Path, rows: Sequence[Mapping[str, Any]]
) -> tuple[RunClips, str]:
    """Collect the clips of an annotation file, and hash its content.

    Args:
        path: The annotation file.
        rows: The rows that are tested on, as their data set returns them.

    Returns:
        The clips, and a digest that white space and the order of keys do not change;
        of a file that is not an annotation of ours, that of its bytes.
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
