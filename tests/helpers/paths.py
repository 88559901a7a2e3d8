"""Folders of the repository that tests start from."""

from pathlib import Path

HELPERS = Path(__file__).parent
TESTS = HELPERS.parent
ROOT = TESTS.parent
CONFIGS = ROOT / 'configs'
TOOLS = ROOT / 'tools'
