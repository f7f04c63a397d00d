"""How long `ingle up` takes until `/health` answers 200, on an existing installation with functions in it."""

import statistics

from harness import ECHO, print_table, running_ingle


def main(rounds: int = 7) -> None:
    """Restart the same installation `rounds` times and print the table."""
    times = []
    with running_ingle() as ingle:
        for number in range(5):
            ingle.deploy(f"echo{number}", {"app.py": ECHO})
        first = ingle.ready_seconds
        for _ in range(rounds):
            ingle.stop()
            ingle.start()
            times.append(ingle.ready_seconds)
    row = (f"{first:.2f}", f"{statistics.median(times):.2f}", f"{max(times):.2f}", "2.00")
    print_table(
        "Ready after `ingle up`, in seconds", ("first start", "restart, median", "restart, worst", "promise"), [row]
    )


if __name__ == "__main__":
    main()
