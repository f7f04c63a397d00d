"""Lambda's management API, a module a resource."""

from ingle.control.services.lambda_.account import AccountSettings
from ingle.control.services.lambda_.code_signing import CodeSigning, CodeSigningConfigs
from ingle.control.services.lambda_.event_sources import EventSources
from ingle.control.services.lambda_.functions.aliases import Aliases
from ingle.control.services.lambda_.functions.function_views import FunctionViews
from ingle.control.services.lambda_.functions.functions import Functions
from ingle.control.services.lambda_.functions.uploads import Uploads
from ingle.control.services.lambda_.functions.urls import FunctionUrls
from ingle.control.services.lambda_.layers.layer_permissions import LayerPermissions
from ingle.control.services.lambda_.layers.layers import Layers
from ingle.control.services.lambda_.permissions import Permissions
from ingle.control.services.lambda_.rendering import render_configuration
from ingle.control.services.lambda_.settings.concurrency import Concurrency
from ingle.control.services.lambda_.settings.event_invoke import EventInvokeConfigs
from ingle.control.services.lambda_.settings.provisioned import ProvisionedConcurrency
from ingle.control.services.lambda_.settings.recursion import RecursionConfigs
from ingle.control.services.lambda_.settings.runtime_management import RuntimeManagementConfigs
from ingle.control.services.lambda_.tags import TaggableFunctions, Tags

__all__ = [
    "AccountSettings",
    "Aliases",
    "CodeSigning",
    "CodeSigningConfigs",
    "Concurrency",
    "EventInvokeConfigs",
    "EventSources",
    "FunctionUrls",
    "FunctionViews",
    "Functions",
    "LayerPermissions",
    "Layers",
    "Permissions",
    "ProvisionedConcurrency",
    "RecursionConfigs",
    "RuntimeManagementConfigs",
    "TaggableFunctions",
    "Tags",
    "Uploads",
    "render_configuration",
]
