"""The documentation as a site: it builds, its links lead somewhere, all is local."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from paths import ROOT

PAGES = sorted((ROOT / 'docs').rglob('*.md'))
PACKAGES = [
    'ablation', 'datasets', 'engine', 'evaluation', 'models', 'motion', 'visualization',
]  # fmt: skip
LIMIT = 250_000
# Drawn before there was a limit.
LARGE = {'clip.png', 'heat_maps.png'}
# What a browser loads by itself; a link in running text is followed by a reader.
LOADED = {
    ('audio', 'src'), ('embed', 'src'), ('iframe', 'src'), ('img', 'src'),
    ('img', 'srcset'), ('link', 'href'), ('object', 'data'), ('script', 'src'),
    ('source', 'src'), ('source', 'srcset'), ('video', 'poster'), ('video', 'src'),
}  # fmt: skip
FROM_STYLES = re.compile(r'(?:url\(\s*["\']?|@import\s+["\'])([^)"\']+)')


class Page(HTMLParser):
    """What a page refers to, and the places in it that can be referred to."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.places, self.classes = [], [], set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if value is None:
                continue
            if (tag, name) in LOADED:
                self.loaded.append(value)
            elif (tag, name) == ('a', 'href'):
                self.links.append(value)
            elif name == 'style':
                self.loaded += FROM_STYLES.findall(value)
            elif name in ('id', 'name'):
                self.places.add(value)
            elif name == 'class':
                self.classes.update(value.split())


def is_elsewhere(address):
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ('', 'data', 'mailto')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    # Whatever is fetched while it is built fails.
    nowhere = dict.fromkeys(('http_proxy', 'https_proxy'), 'http://127.0.0.1:9')
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '-d', str(folder)],
        cwd=ROOT,
        env={**os.environ, **nowhere, 'NO_MKDOCS_2_WARNING': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope='module')
def pages(site):
    found = {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding='utf-8'))
        for path in site.rglob('*.html')
    }
    assert len(found) > len(PAGES)  # and 404.html
    return found


@pytest.mark.slow
def test_every_link_and_picture_is_there(site, pages):
    wrong = []
    for name, page in pages.items():
        if name == '404.html':  # served at any address: its links begin with /
            continue
        for address in [*page.links, *page.loaded]:
            parts = urlsplit(address)
            if is_elsewhere(address) or parts.scheme:
                continue
            path = (site / name).parent / unquote(parts.path)
            target = path.resolve() if parts.path else site / name
            if target.is_dir():
                target /= 'index.html'
            if not target.is_file():
                wrong.append(f'{name}: {address}')
            elif parts.fragment and target.suffix == '.html':
                there = pages[target.relative_to(site).as_posix()].places
                if unquote(parts.fragment) not in there:
                    wrong.append(f'{name}: {address}: no such place')
    assert not wrong


@pytest.mark.slow
def test_no_page_needs_a_network(site, pages):
    asked = {
        f'{name}: {address}'
        for name, page in pages.items()
        for address in page.loaded
        if is_elsewhere(address)
    }
    for path in site.rglob('*.css'):
        for address in FROM_STYLES.findall(path.read_text(encoding='utf-8')):
            if is_elsewhere(address):
                asked.add(f'{path.name}: {address}')
    assert not asked
    # The theme would fetch a program to draw these, or facts of a repository.
    for name, page in pages.items():
        assert not page.classes & {'mermaid', 'md-source__repository'}, name


@pytest.mark.slow
def test_the_reference_reads_as_prose(site, pages):
    text = (site / 'api/motion.html').read_text(encoding='utf-8')
    assert not re.search(r':(?:attr|class|data|exc|func|meth|mod):', text)
    place = 'mmaction_mer.motion.bandpass_matrix'
    assert place in pages['api/motion.html'].places
    assert f'#{place}' in pages['api/motion.html'].links
    for package in PACKAGES:
        html = (site / f'api/{package}.html').read_text(encoding='utf-8')
        assert not re.search(r':(?:attr|class|data|exc|func|meth|mod):<?`?', html)


@pytest.mark.slow
@pytest.mark.parametrize('package', PACKAGES)
def test_the_reference_has_every_public_name(package, pages):
    module = __import__(f'mmaction_mer.{package}', fromlist=['__all__'])
    places = pages[f'api/{package}.html'].places
    missing = [
        name
        for name in module.__all__
        # A function named as its file is found by its full path.
        if f'{module.__name__}.{name}' not in places
        and f'{module.__name__}.{name}.{name}' not in places
        and name.upper() != name
    ]
    assert not missing


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_page_stays_within_the_documentation(page):
    """Files of the repository are named as code: the site does not hold them."""
    text = re.sub(r'```.*?```', '', page.read_text(encoding='utf-8'), flags=re.S)
    for address in re.findall(r'\]\(([^)\s]+)', text):
        if is_elsewhere(address):
            continue
        path = (page.parent / unquote(urlsplit(address).path)).resolve()
        assert path.is_relative_to(ROOT / 'docs'), f'{page.name}: {address}'


def test_pictures_are_small_and_shown():
    shown = ' '.join(page.read_text(encoding='utf-8') for page in PAGES)
    for path in (ROOT / 'docs/images').glob('*.png'):
        assert path.stat().st_size < LIMIT or path.name in LARGE, path.name
        assert f'images/{path.name}' in shown + (ROOT / 'README.md').read_text()
