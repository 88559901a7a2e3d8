"""The results as HTML, in which names are escaped."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from mmaction_mer.apis import WindowPrediction
from mmaction_mer.app import html
from mmaction_mer.motion.magnified_clip import MagnifiedClip

EVIL = '<img src=x onerror=alert(1)>'


def text_of(code):
    return re.sub(r'\s+', ' ', re.sub(r'<[^>]*>', ' ', code))


@pytest.fixture
def shown(prediction):
    return MagnifiedClip.of(prediction.clip, prediction.fps)


def test_the_panel_has_the_classes_their_scores_and_the_votes(prediction):
    code = html.prediction_panel(prediction, 'rendered as calm')
    text = text_of(code)
    assert 'Prediction calm rendered as calm' in text
    assert 'calm 55%' in text and 'startled 45%' in text
    assert 'width:55.0%' in code and 'width:45.0%' in code
    assert 'folds that agree 1 of 2' in text
    assert 'apex 0.395 s, frame 40' in text
    assert '70 frames, 0.70 s' in text and '100 per second' in text
    window = replace(prediction.window, probabilities=np.float32([[0.2, 0.8]]))
    alone = replace(prediction, windows=[window], folds=['a'])
    text = text_of(html.prediction_panel(alone))
    assert 'Prediction startled' in text and 'agree' not in text


def test_names_are_escaped(prediction, shown):
    evil = replace(prediction, name=EVIL, classes=[EVIL, 'b'], notes=[EVIL])
    for code in (
        html.prediction_panel(evil, EVIL),
        html.tiles(evil, shown),
        html.footer(evil),
        html.message(EVIL),
        html.film(shown.frames, EVIL),
    ):
        assert '<img src=x' not in code
    assert '&lt;img src=x' in html.message(EVIL)


def test_tiles_show_what_the_model_has(prediction, shown):
    code = html.tiles(prediction, shown, 41)
    assert code.count('<img src="data:image/jpeg;base64,') == 2
    assert code.count('<polyline') == 3
    assert 'of “calm”' in code
    assert 'dashed' in code and 'The whole video' not in code
    bare = replace(prediction, saliency=None, explanation=None)
    code = html.tiles(bare, shown)
    assert '<img' not in code and '<polyline' not in code and 'apex' in code
    windows = [
        prediction.window,
        WindowPrediction(60, 100, problem='no face'),
        WindowPrediction(100, 140, prediction.window.probabilities),
    ]
    code = html.tiles(replace(prediction, windows=windows, frames=140), shown, 200)
    assert 'The whole video' in code and '3 windows' in code
    assert 'class="mer-figure"' in code and 'currentColor' in code
    assert '<!DOCTYPE' not in code and 'dashed' not in code


def test_the_player_begins_at_a_speed_that_eyes_can_follow(shown):
    code = html.player(shown, 0.1)
    assert 'data-seconds="0.590000"' in code and 'data-start="0.100000"' in code
    assert '<option value="4" selected>' in code
    assert code.count('selected') == 1


def test_the_result_can_be_saved(prediction):
    code = html.footer(prediction)
    payload = re.search(r'href="data:application/json;base64,([^"]+)"', code)[1]
    result = json.loads(base64.b64decode(payload))
    assert result == {'predictions': [json.loads(json.dumps(prediction.as_dict()))]}
    assert '<li>a note</li>' in code
