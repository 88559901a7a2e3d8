"""Sample clips: reproducible, rendered once, with a known apex."""

import numpy as np

from mmaction_mer.app.sample_clips import SAMPLES, Sample, SampleClips
from mmaction_mer.datasets.synthme.actions import CLASSES

QUICK = Sample('quick', 'positive', 1.5, 9)


def test_a_sample_is_rendered_once_and_kept_without_loss(tmp_path, monkeypatch):
    samples = SampleClips(tmp_path, seed=3)
    frames = samples.frames(QUICK)
    assert frames.shape == (samples.timing(QUICK).length, 224, 224, 3)
    assert frames.dtype == np.uint8 and frames.std() > 20
    # Only the seed matters.
    first = SampleClips(tmp_path / 'other', 3).first(QUICK)
    assert (first == frames[0]).all()
    assert (SampleClips(tmp_path, 4).first(QUICK) != first).any()
    monkeypatch.setattr(samples, '_render', None)
    assert (samples.frames(QUICK) == frames).all()
    assert len(list(tmp_path.iterdir())) == 1


def test_samples_differ_and_have_their_apex_inside(tmp_path):
    for sample in SAMPLES:
        timing = SampleClips(tmp_path).timing(sample)
        assert 0 < timing.onset < timing.apex < timing.offset < timing.length
        assert sample.length in (None, timing.length)
    assert len({sample.number for sample in SAMPLES}) == len(SAMPLES)
    assert {sample.label for sample in SAMPLES} == set(CLASSES)
    assert any(sample.length for sample in SAMPLES)
