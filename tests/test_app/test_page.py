"""The service behind the page: a clip is processed once."""

from collections import Counter

import pytest
from inference_toy import synthetic_clip

pytest.importorskip('gradio')

from mmaction_mer.apis import MERInferencer, open_frame_source  # noqa: E402
from mmaction_mer.app.page import ClipService, parse_frame_rate  # noqa: E402
from mmaction_mer.app.uploads import Uploads  # noqa: E402
from mmaction_mer.utils.errors import MERDataError  # noqa: E402


@pytest.fixture
def service(tmp_path):
    uploads = Uploads(tmp_path / 'uploads')
    return ClipService(MERInferencer(device='cpu'), tmp_path, uploads)


@pytest.fixture
def calls(service, monkeypatch):
    """Count calls of the functions that cost most, by name."""
    from mmaction_mer.apis import face_crop, mer_inferencer, saliency
    from mmaction_mer.models.data_preprocessors.mer import MERDataPreprocessor
    from mmaction_mer.motion import magnified_clip, registration, spotting

    calls = Counter()

    def count(name, *places):
        function = getattr(places[0], name)

        def counted(*args, **kwargs):
            calls[name] += 1
            return function(*args, **kwargs)

        for place in places:
            monkeypatch.setattr(place, name, counted)

    count('streams', MERDataPreprocessor)
    count('register', registration, spotting)
    count('magnify', saliency, magnified_clip)
    count('align', face_crop, mer_inferencer)
    return calls


def test_a_clip_on_the_page_is_processed_once(service, calls):
    clip = synthetic_clip()
    prediction, shown = service.predict(open_frame_source(clip, 200.0))
    shown.magnified()
    assert prediction.saliency is not None and prediction.explanation is not None
    assert calls == dict(
        # The front end of the model, once for scores, saliency and explanation.
        streams=1,
        # The 16 frames of the model and the 24 of spotting are different averages; the
        # film takes over the registration of the latter.
        register=2,
        # The model's frames for the saliency map, and the film at the sliders' band.
        magnify=2,
        # At the model's size, and at that of the film.
        align=2 * len(clip),
    )


@pytest.mark.parametrize('text', ['fast', '-3', '0', '1e9', 'nan', 'inf'])
def test_wrong_frame_rates(text):
    with pytest.raises(MERDataError):
        parse_frame_rate(text)
