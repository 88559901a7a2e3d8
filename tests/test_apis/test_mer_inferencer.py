"""From a video to a label: inputs, results, and what is rejected."""

import json
from collections import Counter

import cv2
import numpy as np
import pytest
from inference_toy import encode, synthetic_clip
from mmaction.registry import INFERENCERS
from mmengine.infer import BaseInferencer
from skimage import data

from mmaction_mer.apis import MERInferencer
from mmaction_mer.utils.errors import MERDataError, MERRunError


def test_it_is_an_inferencer_of_mmaction(run):
    built = INFERENCERS.build(
        dict(type='MERInferencer', model=str(run), folds=['sub01'], device='cpu')
    )
    assert isinstance(built, BaseInferencer)
    assert INFERENCERS.get('micro-expression-recognition') is MERInferencer


def test_one_clip(inferencer, clip, tmp_path):
    out = tmp_path / 'deep' / 'out.json'
    done = inferencer(clip, fps=200, pred_out_file=out)
    (result,) = done['predictions']
    assert json.loads(out.read_text()) == {'predictions': [result]}
    scores = result['probabilities']
    assert sum(scores.values()) == pytest.approx(1, abs=1e-3)
    assert result['label'] == max(scores, key=scores.get)
    assert (result['folds'], result['frames'], result['window']) == (2, 40, [0, 40])
    assert result['apex'] == pytest.approx(18, abs=4)
    assert result['apex_s'] == pytest.approx(result['apex'] / 200, abs=1e-3)
    assert np.asarray(result['saliency_map']).shape == (14, 14)
    assert result['motion_strength'] > 0.16 and result['notes'] == []
    assert done['visualization'] is None


def test_a_file_a_folder_and_an_array_are_alike(inferencer, clip, tmp_path):
    for number, frame in enumerate(clip):
        cv2.imwrite(str(tmp_path / f'img{number}.png'), frame[..., ::-1])
    array = inferencer.predict(clip, fps=200)
    folder = inferencer.predict(tmp_path, fps=200)
    assert np.array_equal(array.window.probabilities, folder.window.probabilities)
    assert np.array_equal(array.clip, folder.clip)
    # Compression changes gray levels.
    path = encode(tmp_path / 'a.mp4', clip)
    done = inferencer(
        path, fps=200, vid_out_dir=tmp_path / 'out', return_vis=True
    )  # fmt: skip
    assert done['predictions'][0]['frames'] == array.frames
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['a.mp4']
    assert done['visualization'][0].shape[0] == len(clip)


def test_notes_report_what_is_no_frame_of_a_folder(inferencer, clip, tmp_path):
    """Copies and key frames beside the frames, a gap, 12 bits in files of 16."""
    for number, frame in enumerate(clip):
        if number != 7:
            deep = frame[..., ::-1].astype(np.uint16) * 16
            cv2.imwrite(str(tmp_path / f'img{number}.png'), deep)
    cv2.imwrite(str(tmp_path / 'apex.png'), clip[0])
    cv2.imwrite(str(tmp_path / 'img3 (1).png'), clip[0])
    (result,) = inferencer(tmp_path, fps=200)['predictions']
    as_training = [*clip]
    as_training[7] = clip[6]
    (wanted,) = inferencer(np.stack(as_training), fps=200)['predictions']
    for name in ('probabilities', 'frames', 'window', 'apex', 'motion_strength'):
        assert result[name] == wanted[name]
    gap, others, white = result['notes'][:3]
    assert gap.startswith('1 of the frames 0..39 are missing')
    assert "'apex.png, img3 (1).png'" in others and '4095 (12 bits)' in white


def test_several_come_back_in_order(inferencer, clip, tmp_path):
    other = synthetic_clip({'12': 2.0}, seed=5)
    both = inferencer([clip, other], fps=200)['predictions']
    alone = [inferencer(one, fps=200)['predictions'][0] for one in (clip, other)]
    assert both == alone
    # A bad one does not lose those before it.
    out = tmp_path / 'out.json'
    with pytest.raises(MERDataError) as error:
        inferencer([clip, tmp_path / 'gone.mp4'], fps=200, pred_out_file=out)
    assert error.value.path.endswith('gone.mp4')
    assert len(json.loads(out.read_text())['predictions']) == 1


def test_cropped_frames_are_taken_as_they_are(run, clip):
    inferencer = MERInferencer(run, device='cpu', face='as-is', folds=['sub02'])
    prediction = inferencer.predict(clip, fps=200)
    packed = inferencer.pipeline(clip, 200.0, prediction.window.spot.apex, 'x')
    ensemble = inferencer.ensemble
    expected = ensemble.probabilities(ensemble.preprocess([packed]))[:, 0].numpy()
    assert np.array_equal(prediction.window.probabilities, expected)
    assert prediction.window.face is None


@pytest.fixture(scope='module')
def long_video():
    """Two seconds at 100 frames per second, with raised brows in the second one."""
    return synthetic_clip({'1': 3.0, '2': 3.0}, 200, 110, 125, 142)


def test_a_long_video_is_split_into_windows(inferencer, long_video):
    video = long_video.copy()
    video[:75] = 90
    prediction = inferencer.predict(video, fps=100)
    starts = [(one.start, one.stop) for one in prediction.windows]
    assert starts == [(start, start + 50) for start in range(0, 151, 25)]
    assert prediction.frames == 200
    # The window with the movement determines the result.
    assert prediction.window.start < 125 < prediction.window.stop
    assert prediction.apex == pytest.approx(125, abs=6)
    # Windows without a face are reported.
    assert prediction.windows[0].probabilities is None
    assert 'no face found' in prediction.windows[0].problem
    assert prediction.notes[0].startswith('no face was found in')
    assert 'probabilities' not in prediction.as_dict()['windows'][0]
    # The size of a batch changes nothing.
    other = inferencer.predict(video, fps=100, batch_size=3)
    for a, b in zip(prediction.windows, other.windows, strict=True):
        if a.probabilities is not None:
            assert np.allclose(a.probabilities, b.probabilities, atol=1e-5)
    assert np.allclose(prediction.saliency, other.saliency, atol=1e-3)


def test_windows_of_a_given_length(inferencer, clip, monkeypatch):
    prediction = inferencer.predict(clip, fps=200, window=0.1, stride=0.05)
    assert [one.start for one in prediction.windows] == [0, 10, 20]
    for field, options in (
        ('window', dict(window=0.005)),
        ('stride', dict(window=0.1, stride=0.3)),
        ('batch_size', dict(batch_size=0)),
        *((name, {name: value}) for name in ('window', 'stride')
          for value in (float('nan'), float('inf'), 0, -1)),
    ):  # fmt: skip
        with pytest.raises(MERRunError) as error:
            inferencer.predict(clip, fps=200, **options)
        assert error.value.field == field
    # Frames of a window must fit into memory, those of a whole video need not.
    monkeypatch.setattr('mmaction_mer.apis.mer_inferencer.MAX_FRAME_BYTES', 2 << 20)
    long = np.concatenate([clip] * 3)
    with pytest.raises(MERDataError, match='120 frames of 112x112 .* MiB'):
        inferencer.predict(long, fps=200)
    inferencer.predict(long, fps=200, window=0.1, stride=0.1)
    assert inferencer.predict(clip, fps=5000).frames == 40  # not a second long


def test_no_face_two_faces_one_frame(inferencer):
    gray = np.full((12, 64, 64, 3), 120, np.uint8)
    face = data.astronaut()[40:200, 150:290]
    two = np.concatenate([face, face], axis=1)
    for clip, text in (
        (gray, 'no face found'),
        (np.stack([two] * 8), '2 faces of similar size'),
        (face[None], 'has one frame'),
    ):
        with pytest.raises(MERDataError, match=text) as error:
            inferencer.predict(clip, fps=50)
        assert error.value.path == 'the array of frames'


def test_notes_say_what_is_doubtful(inferencer, clip):
    few = inferencer.predict(clip[8:20:4], fps=50)
    assert few.apex is None and few.label in inferencer.classes
    still = inferencer.predict(np.stack([clip[0]] * 20), fps=200)
    assert still.apex is None and still.window.strength == 0
    jump = np.concatenate([clip[:20], np.roll(clip[20:], 30, axis=2)])
    jumping = inferencer.predict(jump, fps=200)
    for prediction, text in (
        (few, 'fewer than 5 frames'),
        (still, 'not meaningful'),
        (jumping, 'more than in any expression'),
    ):
        (note,) = prediction.notes
        assert text in note


def test_wrong_options(run):
    for options in (dict(device='toaster'), dict(face='guess')):
        with pytest.raises(MERRunError) as error:
            MERInferencer(run, **options)
        assert error.value.field == next(iter(options))
    with pytest.raises(MERRunError, match="no fold 'x'"):
        MERInferencer(run, folds=['x'])


def test_a_clip_is_processed_once(inferencer, long_video, monkeypatch):
    """Front end, registration and display once per window, whatever is explained."""
    from mmaction_mer.apis import mer_inferencer, saliency
    from mmaction_mer.datasets.transforms import standardize as transforms
    from mmaction_mer.models.data_preprocessors.mer import MERDataPreprocessor
    from mmaction_mer.motion import registration

    calls = Counter()

    def count(place, name, size=lambda *_: 1):
        function = getattr(place, name)

        def counted(*args, **kwargs):
            calls[name] += size(*args)
            return function(*args, **kwargs)

        monkeypatch.setattr(place, name, counted)

    count(MERDataPreprocessor, 'streams', lambda _, clips, __: len(clips))
    count(saliency, 'magnify')
    count(mer_inferencer, 'align')
    count(mer_inferencer, 'spot')
    count(transforms, 'stabilize')
    count(registration, 'register')
    prediction = inferencer.predict(long_video, fps=100)
    windows = len(prediction.windows)
    assert len(inferencer.ensemble.names) == 2 and windows == 7
    assert calls == dict(
        streams=windows, magnify=1, spot=windows, stabilize=windows, register=windows,
        align=len(prediction.clip),
    )  # fmt: skip


@pytest.mark.gpu
def test_a_gpu_predicts_the_same(run, clip):
    here = MERInferencer(run, device='cpu').predict(clip, fps=200)
    there = MERInferencer(run, device='cuda').predict(clip, fps=200)
    a, b = here.window.probabilities, there.window.probabilities
    assert np.allclose(a, b, atol=1e-3)
