import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction_mer.datasets.preparation.sheets.cells import (
    CellError,
    action_units,
    frame,
    name,
    subject_number,
    text,
)

ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.dates()
    | st.datetimes()
)


@pytest.mark.parametrize(
    ('value', 'wanted'),
    [(46, 46), (46.0, 46), ('46', 46), (' 46 ', 46), ('４６', 46), ('46.0', 46), (0, 0)]
    + [(value, None) for value in ('/', '', None, '-', 'N/A', 'nan', '?')],
)
def test_frames(value, wanted):
    assert frame(value) == wanted


@pytest.mark.parametrize(
    'value', ['x', 4.5, '4,5', -1, 'inf', 1e300, '46-48', '4_6', '1e2', True]
)
def test_other_cells_are_not_frames(value):
    with pytest.raises(CellError, match='is '):
        frame(value)


def test_names_that_became_dates_are_rejected():
    with pytest.raises(CellError, match='date'):
        name(datetime.date(2026, 1, 2))


@pytest.mark.parametrize('value', ['', None, ' ', '/', '\u200b'])
def test_empty_names_are_rejected(value):
    with pytest.raises(CellError, match='empty'):
        name(value)


def test_subjects_spelled_in_any_way():
    assert {subject_number(v) for v in ('sub07', '7', 7, 7.0, 's7', 'S07', '007')} == {
        7
    }
    for value in ('', 'sub', '1-2', '7.5', None, '-7', 'sub01b', '1 2'):
        with pytest.raises(CellError):
            subject_number(value)


@pytest.mark.parametrize(
    ('value', 'wanted'),
    [
        ('(R6 or R12)+R15', ('(R6 or R12)', 'R15')),
        ('4+L10', ('4', 'L10')),
        ('4，10、12', ('4', '10', '12')),
        (12.0, ('12',)),
        ('4?', ('4?',)),
        ('((1+2', ('((1+2',)),
        ('/', ()),
        (None, ()),
        ('+,', ()),
    ],
)
def test_action_units(value, wanted):
    assert action_units(value) == wanted


@settings(deadline=None)
@given(ANYTHING)
def test_any_cell_gives_a_value_or_a_reason(value):
    for read, kinds in (
        (text, str),
        (name, str),
        (frame, int | None),
        (subject_number, int),
        (action_units, tuple),
    ):
        try:
            found = read(value)
        except CellError as error:
            assert str(error)
        else:
            assert isinstance(found, kinds)
