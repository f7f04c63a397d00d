"""The control plane: a handler for each AWS operation that is not an invoke."""

from ingle.control.config import ControlSettings, UrlSettings
from ingle.control.program import serve_control

__all__ = ["ControlSettings", "UrlSettings", "serve_control"]
