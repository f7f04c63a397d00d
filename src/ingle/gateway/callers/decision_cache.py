"""Whether a principal may do something. Everything that is not known to be allowed is denied."""

from ingle.iam import Principal
from ingle.protocol import AwsError


def authorize(principal: Principal, action: str, account: str, resource: str) -> None:
    """Return where `principal` may do `action` on `resource` of `account`. Raises AwsError AccessDeniedException."""
    if principal.is_root and principal.account == account:
        return
    raise AwsError(
        "AccessDeniedException",
        f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource} because no"
        f" identity-based policy allows the {action} action",
    )
