"""Read and prepare releases in tests."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmaction_mer.datasets import MERDataset
from mmaction_mer.datasets.preparation.duplicates import drop_duplicates
from mmaction_mer.datasets.preparation.frame_numbering import FrameNumbering
from mmaction_mer.datasets.preparation.issues import Clip, Issue, ParsedRelease
from mmaction_mer.datasets.preparation.labels import LabelMap
from mmaction_mer.datasets.preparation.prepare import Options, prepare
from mmaction_mer.datasets.preparation.readers import READERS
from mmaction_mer.datasets.preparation.readers.reader import Source
from mmaction_mer.datasets.preparation.reconcile import reconcile_clips
from mmaction_mer.datasets.preparation.report import compare

PIPELINE = [dict(type='LoadMERFrames', max_frames=16)]


@dataclass
class Parsed:
    """A release that was read and compared with the disk."""

    release: ParsedRelease
    clips: list[Clip]
    issues: list[Issue]
    numbering: FrameNumbering
    files: list

    def reasons(self, action):
        return [(one.clip, one.reason) for one in self.issues if one.action == action]

    def compare(self, labels: LabelMap):
        described = [*self.release.clips, *self.release.dropped]
        edition = self.release.edition
        return compare(labels, edition, described, self.clips, self.issues)


def parse(reader, root):
    release = READERS[reader].read(Source(root))
    drop_duplicates(release)
    found, issues, numbering = reconcile_clips(release.clips)
    clips = [one.clip for one in found]
    files = [one.frames for one in found]
    return Parsed(release, clips, release.issues + issues, numbering, files)


def run(reader, root, out, sheet=None, **options):
    """Prepare without cropping, unless the options say otherwise."""
    chosen = Options(**{'crop': False, 'progress': False, **options})
    return prepare(READERS[reader], Source(root, sheet), out, chosen)


def issues(prepared, action):
    return [one for one in prepared.report['issues'] if one['action'] == action]


def open_dataset(out, name='annotations.json'):
    prefix = dict(img='frames')
    return MERDataset(name, PIPELINE, data_root=str(out), data_prefix=prefix)


def load_all(out):
    return [clip['imgs'] for clip in open_dataset(out)]


def contents_below(out):
    """The bytes of all frames and annotation files of a prepared folder."""
    files = [*(out / 'frames').rglob('*'), *out.glob('annotations*.json')]
    held = [path for path in files if path.is_file()]
    return {path.relative_to(out): path.read_bytes() for path in held}


def times_below(folder):
    return {
        path.relative_to(folder): path.stat().st_mtime_ns
        for path in folder.rglob('*')
        if path.is_file()
    }


def write_frames(folder: Path, levels, first=1):
    """Gray frames of 6 x 6 pixels, numbered from ``first``."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, level in enumerate(levels, first):
        image = np.full((6, 6, 3), level, np.uint8)
        assert cv2.imwrite(str(folder / f'{number}.png'), image)


def write_table(root: Path, *rows, header='subject,clip,emotion,path,fps'):
    (root / 'clips.csv').write_text('\n'.join([header, *rows]))
