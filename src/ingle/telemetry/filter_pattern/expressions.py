"""The regular expressions of filter patterns, matched in time that grows with the length of a message alone.

AWS's syntax has no groups: an expression is a choice of sequences, and each member of a sequence is a set of characters with
how often it may occur. Such a sequence is simulated with all its positions at once, one bit each in an integer ("bit-parallel"
matching; Navarro and Raffinot, "Flexible Pattern Matching in Strings", chapter 4): no text makes it go back. What a state
becomes by a character is remembered, so that most characters of most messages cost one look-up.

A position stands for "this member is next". Members that may be left out let their bit spread to the next position. Adding
the bits of a run of such members to the run carries a one from the lowest of them to the position behind the run.
"""

import dataclasses
import re
import string

from ingle.telemetry.filter_pattern.patterns import InvalidFilterPatternError, invalid_term

_OTHER = 128
"""What stands for every character beyond ASCII."""
_EVERY = frozenset(range(_OTHER + 1))
_DIGITS = frozenset(map(ord, string.digits))
_WORDS = _DIGITS | frozenset(map(ord, string.ascii_letters + "_"))
_SPACES = frozenset(map(ord, " \t\n\r\f\v"))
_CLASSES = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_ANY = _EVERY - {ord("\n")}
_SYMBOLS = frozenset(string.ascii_letters + string.digits + ":_#=@/;,- ")
"""The characters that stand for themselves."""
_ESCAPED = frozenset("^$?[]{}|\\*+.-:_#=@/;,")
_COUNT = re.compile(r"\{([0-9]{0,4}),?([0-9]{0,4})\}")
_HEX = re.compile(r"[0-9a-fA-F]{2}")
_POSITIONS_LIMIT = 1_000
_REMEMBERED_LIMIT = 2_048


@dataclasses.dataclass(frozen=True, slots=True)
class _Member:
    """A member of a sequence: characters, or an anchor; whether it may be left out, and repeated."""

    characters: frozenset[int]
    anchor: str = ""
    is_optional: bool = False
    is_repeated: bool = False


class Expression:
    """A compiled expression; any thread may search with it."""

    def __init__(self, sequences: list[list[_Member]]) -> None:
        self._accepting = self._initial = self._optional = self._repeated = self._starts = self._ends = 0
        masks = [0] * (_OTHER + 1)
        bit = 1
        for sequence in sequences:
            self._initial |= bit
            for member in sequence:
                self._add(member, bit, masks)
                bit <<= 1
            self._accepting |= bit
            bit <<= 1
        self._masks = masks
        self._first = self._spread(self._initial, self._optional | self._starts)
        self._initial = self._spread(self._initial, self._optional)
        self._following: dict[tuple[int, int], int] = {}

    def _add(self, member: _Member, bit: int, masks: list[int]) -> None:
        for character in member.characters:
            masks[character] |= bit
        if member.is_optional:
            self._optional |= bit
        if member.is_repeated:
            self._repeated |= bit
        if member.anchor == "^":
            self._starts |= bit
        if member.anchor == "$":
            self._ends |= bit

    @staticmethod
    def _spread(state: int, optional: int) -> int:
        return state | (((state & optional) + optional) ^ optional)

    def _step(self, state: int, character: int) -> int:
        matched = state & self._masks[character]
        following = ((matched & ~self._repeated) << 1) | (matched & self._repeated)
        return self._spread(following, self._optional) | self._initial

    def search(self, text: str) -> bool:
        """Say whether the expression matches somewhere in a text; `$` is its end, or before a last line end."""
        data = text.encode() if text.isascii() else bytes(min(ord(one), _OTHER) for one in text)
        last = len(data) - 1 if data.endswith(b"\n") else len(data)
        state, accepting, following = self._first, self._accepting, self._following
        for character in data[:last]:
            if state & accepting:
                return True
            key = (state, character)
            found = following.get(key)
            if found is None:
                if len(following) >= _REMEMBERED_LIMIT:
                    following.clear()
                found = following[key] = self._step(state, character)
            state = found
        if self._at_end(state, last) & accepting:
            return True
        for character in data[last:]:
            state = self._step(state, character)
        return bool(self._at_end(state, len(data)) & accepting)

    def _at_end(self, state: int, position: int) -> int:
        return self._spread(state, self._optional | self._ends | (self._starts if position == 0 else 0))


def parse_expression(text: str) -> Expression:
    """Return what a text between percent signs means. Raises InvalidFilterPatternError."""
    parser = _Parser(text)
    sequences = [parser.sequence()]
    while parser.take("|"):
        sequences.append(parser.sequence())
    if sum(map(len, sequences)) > _POSITIONS_LIMIT:
        raise InvalidFilterPatternError("Invalid filter pattern: a regular expression is too large")
    return Expression(sequences)


class _Parser:
    """Reads one expression."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def take(self, character: str) -> bool:
        """Read a character that is next; say whether it was."""
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise invalid_term("%")
        self._at += 1
        return self._text[self._at - 1]

    def sequence(self) -> list[_Member]:
        """Read up to the next choice or the end."""
        members: list[_Member] = []
        while self._at < len(self._text) and self._text[self._at] != "|":
            members += self._member()
        if not members:
            raise invalid_term("%")
        return members

    def _member(self) -> list[_Member]:
        character = self._next()
        if character in "^$":
            return [_Member(frozenset(), anchor=character)]
        if character == ".":
            characters = _ANY
        elif character == "[":
            characters = self._set()
        elif character == "\\":
            characters = self._escaped()
        elif character in _SYMBOLS:
            characters = frozenset({ord(character)})
        else:
            raise invalid_term(character)
        return self._counted(characters)

    def _counted(self, characters: frozenset[int]) -> list[_Member]:
        one = _Member(characters)
        optional = dataclasses.replace(one, is_optional=True)
        many = dataclasses.replace(optional, is_repeated=True)
        if self.take("*"):
            return [many]
        if self.take("+"):
            return [one, many]
        if self.take("?"):
            return [optional]
        if not self._text.startswith("{", self._at):
            return [one]
        found = _COUNT.match(self._text, self._at)
        if found is None or found[0] in ("{}", "{,}"):
            raise invalid_term("{")
        self._at = found.end()
        least = int(found[1] or 0)
        if "," not in found[0]:
            return [one] * least
        if not found[2]:
            return [one] * least + [many]
        if int(found[2]) < least:
            raise invalid_term(found[0])
        return [one] * least + [optional] * (int(found[2]) - least)

    def _escaped(self) -> frozenset[int]:
        character = self._next()
        if character.lower() in _CLASSES:
            inside = _CLASSES[character.lower()]
            return inside if character.islower() else _EVERY - inside
        if character == "x":
            found = _HEX.match(self._text, self._at)
            if found is None or int(found[0], 16) >= _OTHER:
                raise invalid_term("\\x")
            self._at = found.end()
            return frozenset({int(found[0], 16)})
        if character not in _ESCAPED:
            raise invalid_term(f"\\{character}")
        return frozenset({ord(character)})

    def _set(self) -> frozenset[int]:
        """Read a class behind its opening bracket."""
        is_negated = self.take("^")
        characters: frozenset[int] = frozenset()
        while not self.take("]"):
            first = self._set_member()
            is_range = self._text.startswith("-", self._at) and not self._text.startswith("-]", self._at)
            if is_range and len(first) == 1:
                self._at += 1
                last = self._set_member()
                if len(last) != 1 or min(last) < min(first):
                    raise invalid_term("-")
                first = frozenset(range(min(first), min(last) + 1))
            characters |= first
        if not characters:
            raise invalid_term("[]")
        return _EVERY - characters if is_negated else characters

    def _set_member(self) -> frozenset[int]:
        character = self._next()
        if character == "\\":
            return self._escaped()
        if character not in _SYMBOLS and character not in ".*+?$|{}^":
            raise invalid_term(character)
        return frozenset({ord(character)})
