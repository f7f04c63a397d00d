"""Lambda's management API, a module a resource."""

from ingle.control.services.lambda_.account import AccountSettings
from ingle.control.services.lambda_.aliases import Aliases
from ingle.control.services.lambda_.code_signing import CodeSigning, CodeSigningConfigs
from ingle.control.services.lambda_.concurrency import Concurrency
from ingle.control.services.lambda_.event_invoke import EventInvokeConfigs
from ingle.control.services.lambda_.event_sources import EventSources
from ingle.control.services.lambda_.function_views import FunctionViews
from ingle.control.services.lambda_.functions import Functions
from ingle.control.services.lambda_.layer_permissions import LayerPermissions
from ingle.control.services.lambda_.layers import Layers
from ingle.control.services.lambda_.permissions import Permissions
from ingle.control.services.lambda_.provisioned import ProvisionedConcurrency
from ingle.control.services.lambda_.recursion import RecursionConfigs
from ingle.control.services.lambda_.rendering import render_configuration
from ingle.control.services.lambda_.runtime_management import RuntimeManagementConfigs
from ingle.control.services.lambda_.tags import TaggableFunctions, Tags
from ingle.control.services.lambda_.uploads import Uploads
from ingle.control.services.lambda_.urls import FunctionUrls

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
