"""From a video to a label: what goes in, what comes out, what is refused."""

import json

import cv2
import numpy as np
import pytest
import torch
from inference_toy import encode, make_run, synthetic_clip
from mmaction.registry import INFERENCERS
from mmengine.infer import BaseInferencer
from skimage import data

from mmaction_mer.apis import MERInferencer
from mmaction_mer.datasets.faces.finder import FaceNotFound
from mmaction_mer.utils.errors import MERDataError, MERRunError


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp('runs') / 'run')


@pytest.fixture(scope='module')
def inferencer(run):
    return MERInferencer(run, device='cpu')


@pytest.fixture(scope='module')
def clip():
    return synthetic_clip()


def test_it_is_an_inferencer_of_mmaction(run):
    built = INFERENCERS.build(
        dict(type='MERInferencer', model=str(run), folds=['sub01'], device='cpu')
    )
    assert isinstance(built, BaseInferencer)
    assert INFERENCERS.get('micro-expression-recognition') is MERInferencer


def test_one_clip(inferencer, clip, tmp_path):
    done = inferencer(clip, fps=200, pred_out_file=tmp_path / 'deep' / 'out.json')
    (told,) = done['predictions']
    assert json.loads((tmp_path / 'deep/out.json').read_text()) == {
        'predictions': [told]
    }
    assert sum(told['probabilities'].values()) == pytest.approx(1, abs=1e-3)
    assert told['label'] == max(told['probabilities'], key=told['probabilities'].get)
    assert (told['folds'], told['frames'], told['window']) == (2, 40, [0, 40])
    assert told['apex'] == pytest.approx(18, abs=4)
    assert told['apex_s'] == pytest.approx(told['apex'] / 200, abs=1e-3)
    assert np.asarray(told['saliency_map']).shape == (14, 14)
    assert done['visualization'] is None


def test_file_folder_and_array_are_one(inferencer, clip, tmp_path):
    for number, frame in enumerate(clip):
        cv2.imwrite(str(tmp_path / f'img{number}.png'), frame[..., ::-1])
    array = inferencer.predict(clip, fps=200)
    folder = inferencer.predict(tmp_path, fps=200)
    assert np.array_equal(array.window.probabilities, folder.window.probabilities)
    assert np.array_equal(array.clip, folder.clip)
    # Compression changes grey levels, and the face is looked for anew.
    video = inferencer.predict(encode(tmp_path / 'a.mp4', clip), fps=200)
    assert video.frames == array.frames


def test_what_is_no_frame_of_a_folder_is_told(inferencer, clip, tmp_path):
    """Copies and key frames beside the frames, a gap, 12 bits in files of 16."""
    for number, frame in enumerate(clip):
        if number != 7:
            deep = frame[..., ::-1].astype(np.uint16) * 16
            cv2.imwrite(str(tmp_path / f'img{number}.png'), deep)
    cv2.imwrite(str(tmp_path / 'apex.png'), clip[0])
    cv2.imwrite(str(tmp_path / 'img3 (1).png'), clip[0])
    (told,) = inferencer(tmp_path, fps=200)['predictions']
    as_training = [*clip]
    as_training[7] = clip[6]
    (wanted,) = inferencer(np.stack(as_training), fps=200)['predictions']
    for name in ('probabilities', 'frames', 'window', 'apex', 'motion_strength'):
        assert told[name] == wanted[name]
    gap, others, white = told['notes'][:3]
    assert gap == '1 of the frames 0..39 are missing: the nearest stand in'
    assert "'apex.png, img3 (1).png'" in others and '4095 (12 bits)' in white


def test_many_come_back_in_order(inferencer, clip):
    other = synthetic_clip({'12': 2.0}, seed=5)
    both = inferencer([clip, other], fps=200)['predictions']
    alone = [inferencer(one, fps=200)['predictions'][0] for one in (clip, other)]
    assert both == alone


def test_frames_cut_already_are_taken_as_they_are(run, clip):
    inferencer = MERInferencer(run, device='cpu', face='as-is', folds=['sub02'])
    reading = inferencer.predict(clip, fps=200)
    packed = inferencer.pipeline(clip, 200.0, reading.window.spot.apex, 'x')
    expected = inferencer.ensemble.probabilities([packed])[:, 0].numpy()
    assert np.array_equal(reading.window.probabilities, expected)
    assert reading.window.face is None


@pytest.fixture(scope='module')
def long_video():
    """Two seconds at 100 frames a second: still, then brows, then still."""
    return synthetic_clip({'1': 3.0, '2': 3.0}, 200, 110, 125, 142)


def test_a_long_video_is_read_in_windows(inferencer, long_video):
    reading = inferencer.predict(long_video, fps=100)
    assert [(one.start, one.stop) for one in reading.windows] == [
        (start, start + 50) for start in range(0, 151, 25)
    ]
    assert reading.frames == 200
    # The window that speaks for the video holds the movement.
    assert reading.window.start < 125 < reading.window.stop
    assert reading.apex == pytest.approx(125, abs=6)


@pytest.mark.parametrize('batch_size', [1, 3])
def test_the_size_of_a_batch_changes_nothing(inferencer, long_video, batch_size):
    one = inferencer.predict(long_video, fps=100, batch_size=batch_size)
    other = inferencer.predict(long_video, fps=100)
    for a, b in zip(one.windows, other.windows, strict=True):
        assert np.allclose(a.probabilities, b.probabilities, atol=1e-5)


def test_windows_as_asked_for(inferencer, clip):
    reading = inferencer.predict(clip, fps=200, window=0.1, stride=0.05)
    assert [one.start for one in reading.windows] == [0, 10, 20]
    with pytest.raises(MERRunError, match='a window of 0.005 s has 1 frame'):
        inferencer.predict(clip, fps=200, window=0.005)
    with pytest.raises(MERRunError, match='stride is 0.3 s'):
        inferencer.predict(clip, fps=200, window=0.1, stride=0.3)
    with pytest.raises(MERRunError, match='batch_size is 0'):
        inferencer.predict(clip, fps=200, batch_size=0)


def test_windows_without_a_face_are_told_not_hidden(inferencer, long_video):
    video = long_video.copy()
    video[:75] = 90
    reading = inferencer.predict(video, fps=100)
    assert reading.windows[0].probabilities is None
    assert 'no face found' in reading.windows[0].problem
    assert reading.notes[0].startswith('no face was found in')
    told = reading.as_dict()
    assert 'probabilities' not in told['windows'][0]
    assert reading.window.start < 125 < reading.window.stop


def test_no_face_two_faces_one_frame(inferencer):
    grey = np.full((12, 64, 64, 3), 120, np.uint8)
    with pytest.raises(MERDataError, match='the array of frames: no face found'):
        inferencer.predict(grey, fps=50)
    face = data.astronaut()[40:200, 150:290]
    two = np.concatenate([face, face], axis=1)
    with pytest.raises(MERDataError, match='2 faces of like size'):
        inferencer.predict(np.stack([two] * 8), fps=50)
    with pytest.raises(MERDataError, match='one frame, but a movement needs two'):
        inferencer.predict(face[None], fps=50)
    assert issubclass(FaceNotFound, MERDataError)


def test_a_bad_clip_leaves_what_was_done(inferencer, clip, tmp_path):
    out = tmp_path / 'out.json'
    with pytest.raises(MERDataError, match='no such video'):
        inferencer([clip, tmp_path / 'gone.mp4'], fps=200, pred_out_file=out)
    assert len(json.loads(out.read_text())['predictions']) == 1


def test_videos_are_drawn_where_asked_for(inferencer, clip, tmp_path):
    done = inferencer(
        encode(tmp_path / 'a.mp4', clip), fps=200, vid_out_dir=tmp_path / 'out',
        return_vis=True,
    )  # fmt: skip
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['a.mp4']
    assert done['visualization'][0].shape[0] == len(clip)


def test_few_frames_have_no_apex_but_a_label(inferencer, clip):
    reading = inferencer.predict(clip[8:20:4], fps=50)
    assert reading.apex is None and reading.label in inferencer.classes
    assert 'no apex was looked for' in reading.notes[0]


def test_a_still_face_says_so_by_its_movement(inferencer, clip):
    still = inferencer.predict(np.stack([clip[0]] * 20), fps=200)
    assert still.apex is None and still.window.strength == 0
    assert still.notes == ['no movement was found: the label is of noise']
    moving = inferencer.predict(clip, fps=200)
    assert moving.window.strength > 0.16 and moving.notes == []


def test_a_face_that_jumps_says_so(inferencer, clip):
    jump = np.concatenate([clip[:20], np.roll(clip[20:], 30, axis=2)])
    assert 'more than any expression' in inferencer.predict(jump, fps=200).notes[0]


@pytest.mark.parametrize('name', ['window', 'stride'])
@pytest.mark.parametrize('seconds', [float('nan'), float('inf'), 0, -1])
def test_lengths_that_are_none(inferencer, clip, name, seconds):
    with pytest.raises(MERRunError, match=f'{name} is .* must be more than 0'):
        inferencer.predict(clip, fps=200, **{name: seconds})


def test_a_short_clip_of_a_fast_camera_is_no_second_long(inferencer, clip, monkeypatch):
    monkeypatch.setattr('mmaction_mer.apis.mer_inferencer.MAX_FRAME_BYTES', 2 << 20)
    assert inferencer.predict(clip, fps=5000).frames == 40


def test_a_device_that_is_not_there(run):
    with pytest.raises(MERRunError, match="device 'toaster' cannot be used"):
        MERInferencer(run, device='toaster')


def test_wrong_options(run):
    with pytest.raises(MERRunError, match="face is 'guess', not one of align, as-is"):
        MERInferencer(run, face='guess')
    with pytest.raises(MERRunError, match="no fold 'x'"):
        MERInferencer(run, folds=['x'])


@pytest.mark.gpu
def test_a_gpu_says_the_same(run, clip):
    here = MERInferencer(run, device='cpu').read(clip, fps=200)
    there = MERInferencer(run, device='cuda').read(clip, fps=200)
    a, b = here.window.probabilities, there.window.probabilities
    assert np.allclose(a, b, atol=1e-3)
    assert torch.cuda.is_available()


def test_frames_that_fill_the_memory_are_refused(inferencer, clip, monkeypatch):
    monkeypatch.setattr('mmaction_mer.apis.mer_inferencer.MAX_FRAME_BYTES', 2 << 20)
    long = np.concatenate([clip] * 6)
    with pytest.raises(MERDataError, match='200 frames of 112x112 .* MiB'):
        inferencer.predict(long, fps=200)
    inferencer.predict(long, fps=200, window=0.1)
