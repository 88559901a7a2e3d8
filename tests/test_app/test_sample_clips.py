"""Sample clips: the same from the same seed, drawn once."""

import numpy as np
import pytest

from mmaction_mer.app.sample_clips import SAMPLES, Sample, SampleClips
from mmaction_mer.datasets.synthme.actions import CLASSES

QUICK = Sample('quick', 'positive', 1.5, 9)


def test_a_sample_is_drawn_once_and_kept_without_loss(tmp_path, monkeypatch):
    shelf = SampleClips(tmp_path, seed=3)
    frames = shelf.frames(QUICK)
    assert frames.shape == (shelf.timing(QUICK).length, 224, 224, 3)
    assert frames.dtype == np.uint8 and frames.std() > 20
    monkeypatch.setattr(shelf, '_draw', None)
    assert (shelf.frames(QUICK) == frames).all()
    assert len(list(tmp_path.iterdir())) == 1


def test_the_seed_alone_decides(tmp_path):
    first = SampleClips(tmp_path, 3).first(QUICK)
    assert (SampleClips(tmp_path / 'other', 3).first(QUICK) == first).all()
    assert (SampleClips(tmp_path, 4).first(QUICK) != first).any()
    assert first.shape == (224, 224, 3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('sample', SAMPLES, ids=lambda sample: sample.name)
def test_the_truth_lies_in_the_clip(sample, tmp_path):
    timing = SampleClips(tmp_path).timing(sample)
    assert 0 < timing.onset < timing.apex < timing.offset < timing.length
    assert sample.length in (None, timing.length)
    assert sample.label in CLASSES


def test_samples_are_of_different_people_and_of_all_classes():
    assert len({sample.number for sample in SAMPLES}) == len(SAMPLES)
    assert {sample.label for sample in SAMPLES} == set(CLASSES)
    assert any(sample.length for sample in SAMPLES)
