"""tools/analysis/visualize.py, from a run to its pictures and its page."""

import io
import json
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout

import av
import pytest
from load_tool import load_tool
from mmengine.config import Config
from paths import CONFIGS

from mmaction_mer.datasets.synthme.plan import Release
from mmaction_mer.datasets.synthme.release import make_release
from mmaction_mer.engine import LOSORunner

pytestmark = pytest.mark.slow


def draw(*arguments):
    """Call the tool; give its status and what it said."""
    tool = load_tool('analysis/visualize.py')
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        status = tool.main([str(one) for one in arguments])
    return status, output.getvalue() if status == 0 else errors.getvalue()


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('synthme')
    make_release(root, Release(subjects=2, clips=3, size=112, seed=1), 1)
    return root


def train(config, data, work_dir):
    cfg = Config.fromfile(CONFIGS / config)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(data)
        loader.batch_size = 3
    cfg.train_cfg.max_iters = 1
    cfg.work_dir = str(work_dir)
    LOSORunner.from_cfg(cfg).train()
    return work_dir


@pytest.fixture(scope='module')
def mpt(data, tmp_path_factory):
    return train(
        'mpt_vit-tiny_synthme.py', data, tmp_path_factory.mktemp('mpt') / 'run'
    )


@pytest.fixture(scope='module')
def miacnet(data, tmp_path_factory):
    cfg = CONFIGS / 'miacnet_synthme.py'
    folder = tmp_path_factory.mktemp('miacnet')
    text = f'_base_ = {str(cfg)!r}\nmodel = dict(backbone=dict(init_cfg=None))\n'
    (folder / 'config.py').write_text(text)
    return train(folder / 'config.py', data, folder / 'run')


def test_all_figures_of_a_run(mpt):
    status, said = draw(mpt, '--what', 'all', '--clips', '2')
    assert status == 0, said
    figures = mpt / 'figures'
    drawn = {path.name for path in figures.glob('*.png')}
    names = ('confusion', 'classes', 'tsne', 'gradcam', 'rollout', 'evidence',
             'gaussians', 'rank')  # fmt: skip
    assert drawn - {'mistakes.png'} == {f'{name}.png' for name in names}
    for path in figures.glob('*.png'):
        assert path.stat().st_size > 5_000
    videos = list(figures.glob('magnified_*.mp4'))
    assert len(videos) == 2
    with av.open(str(videos[0])) as video:
        assert video.streams.video[0].codec_context.name == 'h264'
        assert len(list(video.decode(video=0))) > 9

    rates = dict(
        re.findall(r'^  (\S.*?) {2,}(\d+\.\d)%$', said.partition('Gauss')[0], re.M)
    )
    assert set(rates) == {
        'Grad-CAM of the predicted class', 'attention roll-out',
        'evidence for the predicted class', 'difference of apex and onset',
        'rank image', 'magnified motion', 'pointing anywhere',
    }  # fmt: skip
    assert 1 < float(rates['pointing anywhere']) < 30
    assert float(rates['magnified motion']) >= 50
    start = re.search(r'as they start +100\.0% .* (\S+)$', said, re.M)
    assert start[1] == '0.00'

    page = (mpt / 'report.html').read_text()
    captions = json.loads((figures / 'figures.json').read_text())
    assert set(captions) == {f'{name}.png' for name in names[1:]}
    for one in captions.values():
        assert one['caption'] in page

    # A picture of other predictions is not shown for one of these.
    stored = captions['tsne.png']
    captions['tsne.png'] = {**stored, 'of': 'another run'}
    (figures / 'figures.json').write_text(json.dumps(captions))
    assert draw(mpt, '--what', 'confusion')[0] == 0
    page = (mpt / 'report.html').read_text()
    assert stored['caption'] not in page
    assert 'other predictions than when they were drawn: tsne.png' in page
    assert captions['gradcam.png']['caption'] in page
    (figures / 'figures.json').write_text('{')
    assert load_tool('analysis/report.py').main([str(mpt)]) == 0
    assert (
        'figures.json or a figure cannot be read' in (mpt / 'report.html').read_text()
    )


def test_other_folders_formats_and_a_baseline(mpt, miacnet, tmp_path):
    before = (mpt / 'report.html').read_bytes()
    status, said = draw(
        mpt, '--what', 'classes', '--baseline', miacnet, '--out', tmp_path,
        '--format', 'pdf',
    )  # fmt: skip
    assert status == 0, said
    assert (tmp_path / 'classes.pdf').read_bytes().startswith(b'%PDF')
    assert [path.name for path in tmp_path.iterdir()] == ['classes.pdf']
    assert (mpt / 'report.html').read_bytes() == before


def test_what_a_miacnet_has_is_drawn(miacnet, tmp_path):
    status, said = draw(miacnet, '--what', 'all', '--clips', '2', '--out', tmp_path)
    assert status == 0, said
    for name in ('gradcam', 'rollout', 'gaussians', 'rank'):
        assert f'left out: --what {name}: the model of' in said
        assert not (tmp_path / f'{name}.png').exists()
    assert (tmp_path / 'evidence.png').exists() and (tmp_path / 'tsne.png').exists()
    assert 'magnitude of the action code' in said
    for name, words in {
        'gaussians': 'has no motion prompts', 'gradcam': 'is not over a ViT',
    }.items():  # fmt: skip
        status, said = draw(miacnet, '--what', name, '--out', tmp_path)
        assert status == 1 and words in said


def test_what_cannot_be_drawn_is_said(mpt, tmp_path):
    def refused(*arguments):
        status, said = draw(*arguments, '--out', tmp_path / 'out')
        assert status == 1 and said.startswith('error: ')
        return said

    assert 'there is no such figure; there are confusion, ' in refused(
        mpt, '--what', 'heatmap'
    )
    assert 'no finished fold here' in refused(tmp_path, '--what', 'confusion')
    assert 'has no such clip' in refused(mpt, '--what', 'rank', '--clips', 'nobody')
    assert 'number of clips to draw, got 0' in refused(
        mpt, '--what', 'rank', '--clips', '0'
    )
    assert (
        'magnified'
        not in refused(
            mpt, '--what', 'magnified', '--low', '9', '--high', '3'
        ).partition(':')[0]
    )
    assert not (tmp_path / 'out').exists()

    shutil.copytree(mpt, tmp_path / 'part')
    state = sorted((tmp_path / 'part').glob('folds/*/fold.json'))[0]
    state.write_text(json.dumps({**json.loads(state.read_text()), 'status': 'running'}))
    said = refused(tmp_path / 'part', '--what', 'all')
    assert 'is not finished' in said and state.parent.name in said
    assert '--resume' in said
