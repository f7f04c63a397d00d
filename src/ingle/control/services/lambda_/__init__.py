"""Lambda's management API, a module a resource."""

from ingle.control.services.lambda_.functions import Functions
from ingle.control.services.lambda_.layers import Layers
from ingle.control.services.lambda_.rendering import render_configuration

__all__ = ["Functions", "Layers", "render_configuration"]
