"""A link is known by its token."""

from ingle.links.tokens import LINK_HEADER, is_linked


def test_a_link_is_known_by_its_token_alone() -> None:
    assert is_linked([(b"host", b"x"), (LINK_HEADER, b"secret")], b"secret")
    assert not is_linked([(LINK_HEADER, b"")], b"")
    assert not is_linked([], b"secret")
    assert not is_linked([(LINK_HEADER, b"secre")], b"secret")
    assert not is_linked([(LINK_HEADER, b"x"), (LINK_HEADER, b"secret")], b"secret")
