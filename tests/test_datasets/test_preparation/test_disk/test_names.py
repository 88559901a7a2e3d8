import pytest

from mmaction_mer.datasets.preparation.disk.names import match_names


@pytest.mark.parametrize(
    ('wanted', 'held'),
    [
        (('1', 'a'), ('001', 'a')),
        (('1', '3'), ('001', '0003')),
        (('1', 'a'), ('sub01', 'a')),
        (('S01', 'a'), ('1', 'a')),
        (('p1', 'EP2_1f'), ('P01', 'EP02_01F')),
        (('a', '1.0'), ('a', '001')),
    ],
)
def test_names_match_if_one_reading_is_possible(wanted, held):
    """Programs turn ``001`` or the number of a subject into ``1.0`` and ``1``."""
    others = [('2', 'x'), ('s02', 'y')]
    assert match_names([wanted], [*others, held]) == {wanted: held}


def test_an_exact_name_takes_precedence():
    held = [('p1', 'a'), ('p01', 'a'), ('p1', 'b')]
    assert match_names([('p1', 'a')], held) == {('p1', 'a'): ('p1', 'a')}
    both = [('1', 'a'), ('001', 'a')]
    assert match_names(both, both) == {one: one for one in both}


def test_two_readings_are_both_reported():
    for held in ([('1', 'a'), ('001', 'a')], [('s1', 'a'), ('sub1', 'a')]):
        (reason,) = match_names([('1', 'a')], held).values()
        assert all('/'.join(one) in reason for one in held)


def test_two_rows_never_get_one_folder():
    held = [('p1', 'EP02_01')]
    found = match_names([('p1', 'EP2_01'), ('p1', 'EP02_1')], held)
    assert len(found) == 2 and all('EP02_01' in reason for reason in found.values())
    # It belongs to the row with its exact name.
    names = [('p1', 'EP2_01'), ('p1', 'EP02_01')]
    assert match_names(names, held) == {held[0]: held[0]}


def test_only_usual_prefixes_are_ignored():
    for other in (('session1', 'a'), ('s10', 'a'), ('1a', 'a'), ('1.5', 'a')):
        assert match_names([('1', 'a')], [other]) == {}
