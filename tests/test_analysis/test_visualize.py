"""tools/analysis/visualize.py, from a run to its figures and its report."""

import json
import re
import shutil

import av
import pytest

pytestmark = pytest.mark.slow


def test_all_figures_of_a_run(mpt, call):
    printed = call('visualize.py', mpt, '--what', 'all', '--clips', 2)
    figures = mpt / 'figures'
    drawn = {path.name for path in figures.glob('*.png')}
    names = ('confusion', 'classes', 'tsne', 'gradcam', 'rollout', 'evidence',
             'gaussians', 'rank')  # fmt: skip
    assert drawn - {'mistakes.png'} == {f'{name}.png' for name in names}
    assert all(path.stat().st_size > 5_000 for path in figures.glob('*.png'))
    videos = list(figures.glob('magnified_*.mp4'))
    assert len(videos) == 2
    with av.open(str(videos[0])) as video:
        assert video.streams.video[0].codec_context.name == 'h264'
        assert len(list(video.decode(video=0))) > 9

    hits = printed.partition('Gauss')[0]
    rates = dict(re.findall(r'^  (\S.*?) {2,}(\d+\.\d)%$', hits, re.M))
    assert set(rates) == {
        'Grad-CAM of the predicted class', 'attention roll-out',
        'evidence for the predicted class', 'difference of apex and onset',
        'rank image', 'magnified motion', 'pointing anywhere',
    }  # fmt: skip
    assert 1 < float(rates['pointing anywhere']) < 30
    assert float(rates['magnified motion']) >= 50
    start = re.search(r'at the start +100\.0% .* (\S+)$', printed, re.M)
    assert start[1] == '0.00'

    page = (mpt / 'report.html').read_text()
    captions = json.loads((figures / 'figures.json').read_text())
    assert set(captions) == {f'{name}.png' for name in names[1:]}
    assert all(one['caption'] in page for one in captions.values())

    # A figure of other predictions is not shown as one of these.
    stored = captions['tsne.png']
    captions['tsne.png'] = {**stored, 'of': 'another run'}
    (figures / 'figures.json').write_text(json.dumps(captions))
    call('visualize.py', mpt, '--what', 'confusion')
    page = (mpt / 'report.html').read_text()
    assert stored['caption'] not in page and 'they were drawn: tsne.png' in page
    assert captions['gradcam.png']['caption'] in page
    (figures / 'figures.json').write_text('{')
    call('report.py', mpt)
    page = (mpt / 'report.html').read_text()
    assert 'figures.json or a figure cannot be read' in page


def test_other_folders_formats_and_a_baseline(mpt, miacnet, tmp_path, call):
    before = (mpt / 'report.html').read_bytes()
    call(
        'visualize.py', mpt, '--what', 'classes', '--baseline', miacnet, '--out',
        tmp_path, '--format', 'pdf',
    )  # fmt: skip
    assert (tmp_path / 'classes.pdf').read_bytes().startswith(b'%PDF')
    assert [path.name for path in tmp_path.iterdir()] == ['classes.pdf']
    assert (mpt / 'report.html').read_bytes() == before


def test_the_figures_of_a_miacnet(miacnet, tmp_path, call):
    out = ('--out', tmp_path)
    printed = call('visualize.py', miacnet, '--what', 'all', '--clips', 2, *out)
    for name in ('gradcam', 'rollout', 'gaussians', 'rank'):
        assert f'left out: --what {name}: the model' in printed
        assert not (tmp_path / f'{name}.png').exists()
    assert (tmp_path / 'evidence.png').exists() and (tmp_path / 'tsne.png').exists()
    assert 'magnitude of the action code' in printed
    for name, reason in (('gaussians', 'no motion prompts'), ('gradcam', 'not a ViT')):
        assert reason in call('visualize.py', miacnet, '--what', name, *out, status=1)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--what', 'heatmap'], "'--what': there is no figure heatmap"),
        (['--what', 'rank', '--clips', 'unknown'], 'there is no clip unknown'),
        (['--what', 'rank', '--clips', '0'], "'--clips': must be at least 1, got 0"),
        (['--what', 'magnified', '--low', '9', '--high', '3'], 'error: clip '),
    ],
)
def test_bad_requests_are_rejected(arguments, message, mpt, tmp_path, call):
    out = tmp_path / 'out'
    assert message in call('visualize.py', mpt, *arguments, '--out', out, status=1)
    assert not out.exists()


def test_unfinished_runs_are_rejected(mpt, tmp_path, call):
    printed = call('visualize.py', tmp_path, '--what', 'confusion', status=1)
    assert 'no finished fold here' in printed
    shutil.copytree(mpt, tmp_path / 'part')
    state = sorted((tmp_path / 'part').glob('folds/*/fold.json'))[0]
    state.write_text(json.dumps({**json.loads(state.read_text()), 'status': 'running'}))
    printed = call('visualize.py', tmp_path / 'part', '--what', 'all', status=1)
    assert f'folds are not finished: {state.parent.name}' in printed
    assert '--resume' in printed
