"""What the page says, and that a clip's name is never taken for its code."""

import base64
import json
import re
from dataclasses import replace

import numpy as np

from mmaction_mer.apis import WindowPrediction
from mmaction_mer.app import html as words
from mmaction_mer.motion.magnified_clip import MagnifiedClip

EVIL = '<img src=x onerror=alert(1)>'


def text_of(html):
    return re.sub(r'\s+', ' ', re.sub(r'<[^>]*>', ' ', html))


def test_the_verdict_names_the_class_its_share_and_the_folds_that_agree(reading):
    html = html.prediction_panel(reading, 'drawn as calm')
    text = text_of(html)
    assert 'Reads as calm drawn as calm' in text
    assert 'calm 55%' in text and 'startled 45%' in text
    assert 'width:55.0%' in html and 'width:45.0%' in html
    assert 'folds that agree 1 of 2' in text
    assert 'apex 0.395 s, frame 40' in text
    assert '70 frames, 0.70 s' in text and '100 a second' in text


def test_one_fold_needs_no_agreement(reading):
    window = replace(reading.window, probabilities=np.float32([[0.2, 0.8]]))
    alone = replace(reading, windows=[window], folds=['a'])
    text = text_of(html.prediction_panel(alone))
    assert 'Reads as startled' in text and 'agree' not in text


def test_names_are_escaped(reading):
    evil = replace(reading, name=EVIL, classes=[EVIL, 'b'], notes=[EVIL])
    film = MagnifiedClip.of(reading.clip, reading.fps)
    for html in (
        html.prediction_panel(evil, EVIL),
        html.tiles(evil, film),
        html.footer(evil),
        html.message(EVIL),
        html.film(film.frames, EVIL),
    ):
        assert '<img src=x' not in html
    assert '&lt;img src=x' in html.message(EVIL)


def test_tiles_show_heat_pooled_image_and_gaussians(reading):
    html = html.tiles(reading, MagnifiedClip.of(reading.clip, reading.fps), 41)
    assert html.count('<img src="data:image/jpeg;base64,') == 2
    assert html.count('<polyline') == 3
    assert 'for “calm”' in html
    assert 'dashed' in html and 'The whole video' not in html
    bare = replace(reading, saliency=None, explanation=None)
    html = html.tiles(bare, MagnifiedClip.of(reading.clip, reading.fps))
    assert '<img' not in html and '<polyline' not in html and 'apex' in html


def test_a_long_video_has_a_timeline(reading):
    windows = [
        reading.window,
        WindowPrediction(60, 100, problem='no face'),
        WindowPrediction(100, 140, reading.window.probabilities),
    ]
    long = replace(reading, windows=windows, frames=140)
    html = html.tiles(long, MagnifiedClip.of(reading.clip, reading.fps), 200)
    assert 'The whole video' in html and '3 windows' in html
    assert 'class="mer-figure"' in html and 'currentColor' in html
    assert '<!DOCTYPE' not in html and 'dashed' not in html


def test_the_player_begins_about_as_slow_as_one_can_follow(reading):
    html = html.player(MagnifiedClip.of(reading.clip, reading.fps), 0.1)
    assert 'data-seconds="0.590000"' in html and 'data-start="0.100000"' in html
    assert '<option value="4" selected>' in html
    assert html.count('selected') == 1


def test_the_result_can_be_taken_away(reading):
    html = html.footer(reading, ['another note'])
    payload = re.search(r'href="data:application/json;base64,([^"]+)"', html)[1]
    result = json.loads(base64.b64decode(payload))
    assert result == {'predictions': [json.loads(json.dumps(reading.as_dict()))]}
    assert '<li>a note</li><li>another note</li>' in html
