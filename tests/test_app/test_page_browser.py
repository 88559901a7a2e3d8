"""The page in a real browser."""

import contextlib
import io
import os
import shutil
from urllib.parse import urlparse

import numpy as np
import pytest
from page_clips import face, write_bad_clips
from PIL import Image

from mmaction_mer.visualization.video import write_video

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
#: Milliseconds of a prediction on a busy machine.
PATIENCE = 120_000
WATCH = """() => {
  window.wasBusy = false;
  new MutationObserver((changes) => {
    for (const change of changes)
      window.wasBusy ||= change.oldValue?.includes('mer-busy') ||
        change.target.classList.contains('mer-busy');
  }).observe(document.body, {attributeFilter: ['class'], attributeOldValue: true});
}"""
DRAWN = """async () => {
  await Promise.all([...document.images].map((image) => image.decode().catch(() => 0)));
  for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""


@pytest.fixture(scope='module')
def page(served):
    """The loaded page; after all tests no other site may have been requested."""
    api = pytest.importorskip('playwright.sync_api')
    if CHROMIUM is None:
        reason = 'there is no chromium here (on Debian: apt-get install chromium)'
        pytest.fail(reason) if os.environ.get('CI') else pytest.skip(reason)
    asked, wrong = [], []
    with api.sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=CHROMIUM,
            args=['--no-sandbox'],
            env={**os.environ, 'OMP_NUM_THREADS': '1'},
        )
        context = browser.new_context(viewport={'width': 1400, 'height': 900})
        context.on('request', lambda request: asked.append(request.url))
        page = context.new_page()
        page.on('pageerror', lambda error: wrong.append(str(error)))
        page.set_default_timeout(PATIENCE)
        page.goto(served.url)
        page.wait_for_selector('#sample-1')
        yield page
        browser.close()
    foreign = [
        url for url in asked
        if urlparse(url).scheme not in ('data', 'blob')
        and urlparse(url).hostname != '127.0.0.1'
    ]  # fmt: skip
    assert len(asked) > 5 and not foreign
    assert not wrong


@pytest.fixture
def sample(page):
    """The page with the prediction for the first sample."""
    if not page.locator('.mer-label').is_visible():
        page.click('#sample-1')
        page.wait_for_selector('.mer-label')
    return page


def pixels(page, selector, number=0):
    """Return what is visible of an element."""
    picture = page.locator(selector).nth(number).screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert('RGB')).astype(int)


def hold(page, frame):
    """Stop the player at a frame."""
    page.locator('.mer-seek').evaluate(
        '(seek, value) => { seek.value = value;'
        "seek.dispatchEvent(new Event('input', {bubbles: true})); }",
        frame,
    )
    page.evaluate(DRAWN)


def send(page, path):
    """Upload a clip, press the button, and return the message."""
    page.set_input_files('#clip input[type=file]', path)
    page.wait_for_selector(f'#clip :text("{path.stem}")')
    return press(page)


def press(page):
    """Press the button and return the message."""
    # Watched from before, since a clip may be rejected very soon.
    page.evaluate(WATCH)
    page.click('#predict')
    page.wait_for_function(
        'window.wasBusy && !document.body.classList.contains("mer-busy")'
    )
    return page.locator('.mer-error').all_inner_texts()


def test_it_says_what_it_is(page):
    text = page.inner_text('body')
    assert 'no measure of anybody' in text and 'Choose a sample' in text
    assert 'deleted after prediction' in text
    assert 'Use via API' not in text and 'Gradio' not in text


def test_a_sample_is_predicted(sample):
    assert sample.inner_text('.mer-label') in ('negative', 'positive', 'surprise')
    shares = [
        int(text.strip('%')) for text in sample.locator('.mer-score').all_inner_texts()
    ]
    assert len(shares) == 3 and 98 <= sum(shares) <= 102
    widths = [
        box['width'] for box in (
            bar.bounding_box() for bar in sample.locator('.mer-track > span').all()
        )
    ]  # fmt: skip
    assert np.argmax(widths) == np.argmax(shares)
    assert sample.locator('.mer-top .mer-name').inner_text() == sample.inner_text(
        '.mer-label'
    )
    assert 'apex' in sample.inner_text('.mer-facts')
    # A clip of less than a second has no timeline.
    assert sample.locator('.mer-timeline').count() == 0
    assert sample.locator('.mer-wide polyline').count() > 1
    for number in range(2):
        assert pixels(sample, '.mer-tile img', number).std() > 10


def test_the_films_move_and_can_be_stopped(sample):
    hold(sample, 0)
    first = pixels(sample, '.mer-strip', 1)
    assert first.shape[0] > 200 and first.std() > 20
    assert (pixels(sample, '.mer-strip', 1) == first).all()
    apex = sample.locator('.mer-seek').evaluate('seek => Math.round(seek.max * 0.4)')
    hold(sample, apex)
    later = pixels(sample, '.mer-strip', 1)
    moved = np.abs(later - first).mean()
    hold(sample, apex)
    face = pixels(sample, '.mer-strip')
    hold(sample, 0)
    assert moved > 2 * np.abs(pixels(sample, '.mer-strip') - face).mean() > 0
    cursor = sample.locator('.mer-wide .mer-cursor').get_attribute('transform')
    assert cursor == 'translate(0 0)'
    before = sample.inner_text('.mer-time')
    sample.click('.mer-play')
    sample.wait_for_function(
        't => document.querySelector(".mer-time").innerText != t', arg=before
    )


def test_the_gain_changes_the_film_at_once(sample, served):
    hold(sample, 18)
    before, face = pixels(sample, '.mer-strip', 1), pixels(sample, '.mer-strip')
    calls = []
    predict = served.inferencer.predict
    served.inferencer.predict = lambda *args: calls.append(args)
    try:
        set_gain(sample, 0.02)
        low = pixels(sample, '.mer-strip', 1)
        set_gain(sample, 0.95)
        high = pixels(sample, '.mer-strip', 1)
    finally:
        served.inferencer.predict = predict
    assert not calls  # the model is not used
    weak, strong = (np.abs(one - before).mean() for one in (low, high))
    assert weak > 1 and strong > 1
    assert np.abs(high - face).mean() > 2 * np.abs(low - face).mean()


def set_gain(page, share):
    """Click on the slider and wait for another caption."""
    caption = page.locator('.mer-film figcaption').nth(1)
    before = caption.inner_text()
    box = page.locator('#alpha input[type=range]').bounding_box()
    page.mouse.click(box['x'] + share * box['width'], box['y'] + box['height'] / 2)
    page.wait_for_function(
        't => document.querySelectorAll(".mer-film figcaption")[1].innerText != t',
        arg=before,
    )
    page.evaluate(DRAWN)


def test_the_result_is_saved_by_the_browser_alone(sample):
    with sample.expect_download() as download:
        sample.click('.mer-download')
    assert download.value.suggested_filename == 'result.json'
    text = download.value.path().read_text()
    assert '"probabilities"' in text and '"apex"' in text


def test_bad_clips_get_a_message_and_leave_nothing(page, served, tmp_path):
    for name, text in write_bad_clips(tmp_path).items():
        messages = send(page, tmp_path / name)
        assert len(messages) == 1 and text in messages[0], (name, messages)
        assert not list(files(served)), name
        assert 'Traceback' not in page.inner_text('body')
    # The page still works.
    page.click('#sample-2')
    page.wait_for_selector('.mer-label')
    assert page.locator('.mer-error').count() == 0


def test_a_photograph_is_predicted_and_deleted(page, served, tmp_path):
    frames = np.stack([np.roll(face(), n // 3, axis=0) for n in range(8)])
    path = write_video(tmp_path / 'good.mp4', frames, 25)
    # After a wrong rate the clip is still there.
    page.fill('#fps input, #fps textarea', '1O0')
    (problem,) = send(page, path)
    assert 'frame rate' in problem
    page.fill('#fps input, #fps textarea', '100')
    assert press(page) == []
    assert page.inner_text('.mer-label')
    assert '100 per second' in page.inner_text('.mer-facts')
    assert not list(files(served))
    page.fill('#fps input, #fps textarea', '')


def test_another_kind_of_file_is_rejected(page, tmp_path):
    path = tmp_path / 'notes.txt'
    path.write_text('not a clip')
    page.set_input_files('#clip input[type=file]', path)
    page.wait_for_selector('text=/Invalid file type/i')
    page.click('#predict')
    page.wait_for_selector('.mer-error')
    assert 'Upload a clip first' in page.inner_text('.mer-error')


def files(served):
    """Yield the files that are left of uploads."""
    with contextlib.suppress(FileNotFoundError):
        for path in (served.folder / 'uploads').rglob('*'):
            if path.is_file():
                yield path
