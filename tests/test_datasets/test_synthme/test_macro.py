"""Macro-expressions for pre-training."""

import json

import numpy as np
import pytest

from mmaction_mer.datasets.synthme.macro import NAMES, macro_faces
from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release


def test_images_and_ground_truth():
    pooled = macro_faces(3, seed=1, size=64, clips=6)
    # Pooled clips are cropped and not yet normalized: noise is added first.
    assert pooled.images.shape == (6, 56, 56, 3)
    assert pooled.images.dtype == np.float16
    assert np.abs(pooled.images.mean(axis=(1, 2), dtype=np.float64)).max() < 40
    assert pooled.units.shape == (6, len(NAMES))
    assert (pooled.units.max(axis=1) * 8 >= 2 - 1e-6).all()
    assert set(pooled.labels) <= {0, 1, 2}


def test_the_number_determines_the_person():
    first, again, other = (macro_faces(i, size=48, clips=1) for i in (0, 0, 1))
    assert (first.images == again.images).all()
    assert (first.images != other.images).any()


def test_images_are_those_of_the_shipped_weights():
    """If these numbers change, the shipped weights have to be trained again."""
    images = macro_faces(0, clips=3).images.astype(np.float64)
    spread = [image.std() for image in images]
    middle = [np.abs(image[30:60, 30:60]).mean() for image in images]
    assert spread == pytest.approx([48.05, 44.63, 41.31], rel=0.01)
    assert middle == pytest.approx([27.62, 34.07, 32.57], rel=0.01)


def test_the_two_kinds_have_different_people_for_the_same_seed(tmp_path):
    people = []
    for kind, name in (('micro', 'synthme'), ('macro', 'synthme-macro')):
        root = tmp_path / kind
        make_release(root, Release(2, 1, size=32, seed=1, kind=kind), 1)
        clips = json.loads((root / 'truth.json').read_text())['clips']
        people.append({tuple(clip['identity_seed']) for clip in clips})
        content = json.loads((root / 'annotations.json').read_text())
        assert {row['dataset'] for row in content['data_list']} == {name}
        if kind == 'macro':
            assert all(4 <= clip['amplitude'] <= 12 for clip in clips)
    assert len(people[0]) == len(people[1]) == 2 and not people[0] & people[1]
