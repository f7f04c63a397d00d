"""AWS's names of runtimes, and how a host comes by one (developer guide, "Lambda runtimes")."""

AWS_RUNTIMES = (
    "nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x",
    "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14",
    "java8.al2", "java11", "java17", "java21", "java25", "dotnet6", "dotnet8", "dotnet10",
    "ruby3.2", "ruby3.3", "ruby3.4", "provided.al2", "provided.al2023",
)  # fmt: skip
"""What functions may be created for on AWS."""
_FETCHED = ("nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x")
_OLDEST_MINOR = 9


def how_to_get_runtime(name: str) -> str:
    """Return the command that brings a runtime to a host, in a sentence."""
    if name in _FETCHED:
        return f"`ingle runtimes {name}` fetches it; then start Ingle again."
    minor = name.removeprefix("python3.")
    if minor != name and minor.isdigit() and int(minor) >= _OLDEST_MINOR:
        return f"`uv python install 3.{minor} && ingle runtimes {name}` brings it; then start Ingle again."
    return "Ingle does not serve it yet."


def missing_runtime(name: str) -> str:
    """Return what a function is told whose runtime its host has not."""
    return f"Runtime.Unavailable: this host has no {name}. {how_to_get_runtime(name)}"
