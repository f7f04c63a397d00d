"""Lines of a log as `ingle logs` shows them."""

import pytest

from ingle.cli.log_lines import RequestFilter, describe_failure, parse_span, render_line

ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def plain(_: str, text: str) -> str:
    return text


def marked(style: str, text: str) -> str:
    return f"<{style}>{text}</>"


def test_a_span_is_seconds_minutes_hours_or_days() -> None:
    assert [parse_span(text) for text in ("90", "90s", "10m", "2h", "1d")] == [90, 90, 600, 7200, 86_400]
    for wrong in ("", "m", "-1s", "10 minutes", "1.5h"):
        with pytest.raises(ValueError, match="write 30s, 10m, 2h or 1d"):
            parse_span(wrong)


def test_a_line_has_its_time_its_version_and_its_message() -> None:
    event = {"timestamp": 1_700_000_000_007, "logStreamName": "2023/11/14/[3]abc", "message": "hello\n"}
    assert render_line(event, plain) == "2023-11-14T22:13:20.007Z 3 hello"
    event |= {"logStreamName": "2023/11/14/[$LATEST]abc", "message": "[ERROR] KeyError: 'n'"}
    assert render_line(event, marked) == "<dim>2023-11-14T22:13:20.007Z $LATEST</> <red>[ERROR] KeyError: 'n'</>"
    event["message"] = f"START RequestId: {ONE} Version: $LATEST\n"
    assert render_line(event, marked).endswith(f"<dim>START RequestId: {ONE} Version: $LATEST</>")


def test_the_lines_of_a_request_are_those_of_its_environment_between_two_starts() -> None:
    lines = [
        ("a", "INIT_START Runtime Version: python"),
        ("a", f"START RequestId: {ONE} Version: 1"),
        ("b", f"START RequestId: {TWO} Version: 1"),
        ("a", "mine"),
        ("b", "another's"),
        ("a", f"REPORT RequestId: {ONE} Duration: 1 ms"),
        ("a", f"START RequestId: {TWO} Version: 1"),
        ("a", "another's"),
        ("c", f'{{"time": "x", "type": "platform.start", "record": {{"requestId": "{ONE}"}}}}'),
        ("c", f'{{"level": "INFO", "message": "mine", "requestId": "{ONE}"}}'),
        ("c", "{no json"),
    ]
    wanted = RequestFilter(ONE)
    taken = [message for stream, message in lines if wanted.takes({"logStreamName": stream, "message": message})]
    assert taken == [lines[at][1] for at in (1, 3, 5, 8, 9, 10)]
    assert RequestFilter(None).takes({"message": "any"})


@pytest.mark.parametrize(("message", "reason"), [
    ("[ERROR] Runtime.UserCodeSyntaxError: Syntax error in module 'app': '(' was never closed (app.py, line 7)\nTraceback",
     "SyntaxError app.py:7: '(' was never closed"),
    ("[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'x'\nTraceback (most recent",
     "ImportModuleError: Unable to import module 'app': No module named 'x'"),
    ("[ERROR] KeyError: 'a'\nTraceback (most recent call last):\n  File \"/usr/lib/python3.11/x.py\", line 1, in f\n"
     "  File \"/var/task/lib/b.py\", line 2, in <module>", "KeyError lib/b.py:2: 'a'"),
    ("INIT_REPORT Init Duration: 22.85 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError", "doesn't start: ExitError"),
    ("INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout", "doesn't start: timeout"),
    ("START RequestId: x", None),
    ("an ordinary line", None),
])  # fmt: skip
def test_why_code_does_not_start_is_told_with_its_place(message: str, reason: str | None) -> None:
    assert describe_failure(message) == reason
