"""The documentation as a site: it builds, its links lead somewhere, all is local."""

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from load_tool import load_tool

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / 'docs').rglob('*.md'))
REFERENCE = sorted(path.stem for path in (ROOT / 'docs/api').glob('*.md'))
LIMIT = 250_000
# Drawn before there was a limit.
LARGE = {'clip.png', 'heat_maps.png'}
# What a browser loads by itself; other links are followed by a reader.
LOADED = re.compile(
    r'<(?:audio|embed|iframe|img|script|source|video)\b[^>]*?\b(?:src|srcset|poster)='
    r'"([^"]+)"|<link\b[^>]*?\bhref="([^"]+)"|url\(["\']?([^)"\']+)|'
    r'@import ["\']([^"\']+)'
)
LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]+)"')
PLACE = re.compile(r'\b(?:id|name)="([^"]+)"')


def loaded(text):
    return [''.join(groups) for groups in LOADED.findall(text)]


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
    """The text of every page by its path in the site."""
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding='utf-8')
        for path in site.rglob('*.html')
    }


@pytest.mark.slow
def test_every_link_and_picture_is_there(site, pages):
    places = {name: set(PLACE.findall(text)) for name, text in pages.items()}
    wrong = []
    for name, text in pages.items():
        if name == '404.html':  # served at any address: its links begin with /
            continue
        for address in [*LINK.findall(text), *loaded(text)]:
            parts = urlsplit(address)
            if parts.netloc or parts.scheme:
                continue
            path = (site / name).parent / unquote(parts.path)
            target = path.resolve() if parts.path else site / name
            if target.is_dir():
                target /= 'index.html'
            if not target.is_file():
                wrong.append(f'{name}: {address}')
            elif parts.fragment and target.suffix == '.html':
                if unquote(parts.fragment) not in places[str(target.relative_to(site))]:
                    wrong.append(f'{name}: {address}: no such place')
    assert len(pages) > len(PAGES) and not wrong


@pytest.mark.slow
def test_no_page_needs_a_network(site, pages):
    styles = {str(path): path.read_text() for path in site.rglob('*.css')}
    asked = {
        f'{name}: {address}'
        for name, text in {**pages, **styles}.items()
        for address in loaded(text)
        if is_elsewhere(address)
    }
    assert not asked
    # The theme would fetch a program to draw these, or facts of a repository.
    for name, text in pages.items():
        assert not re.search(r'class="[^"]*(?:mermaid|md-source__repository)', text), (
            name
        )


@pytest.mark.slow
@pytest.mark.parametrize('package', REFERENCE)
def test_the_reference_has_every_public_name_and_reads_as_prose(package, pages):
    module = import_module(f'mmaction_mer.{package}')
    text = pages[f'api/{package}.html']
    assert not re.search(r':(?:attr|class|data|exc|func|meth|mod):<?`?', text)
    places = set(PLACE.findall(text))
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
        if not is_elsewhere(address):
            path = (page.parent / unquote(urlsplit(address).path)).resolve()
            assert path.is_relative_to(ROOT / 'docs'), f'{page.name}: {address}'


def test_pictures_are_small_and_shown():
    shown = [page.read_text(encoding='utf-8') for page in (*PAGES, ROOT / 'README.md')]
    for path in (ROOT / 'docs/images').glob('*.png'):
        assert path.stat().st_size < LIMIT or path.name in LARGE, path.name
        assert f'images/{path.name}' in ' '.join(shown)


def test_the_architecture_is_drawn(tmp_path):
    path = tmp_path / 'architecture.png'
    load_tool('docs/draw_architecture.py').main(['--out', str(path)])
    assert path.stat().st_size < LIMIT
