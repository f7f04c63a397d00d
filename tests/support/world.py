"""A control plane that has one of everything."""

from pathlib import Path
from typing import Any

from in_process import ControlPlane
from refusals import CODE_SETTINGS, LAYER_STATEMENT, PROFILE, QUEUE, STATEMENT, ZIP, A

from ingle.protocol import AwsError


class World:
    """Control with one of everything: functions that are there, being made and being changed."""

    def __init__(self, folder: Path) -> None:
        self.plane = ControlPlane(folder)
        call = self.plane.call
        for name in ("f", "spare", "busy"):
            call("CreateFunction", FunctionName=name, Code={"ZipFile": ZIP}, **CODE_SETTINGS)
        self.plane.finish()
        for name in ("f", "spare"):
            call("PublishVersion", FunctionName=name)
        call("UpdateFunctionConfiguration", FunctionName="f", Timeout=4)
        self.plane.finish()
        call("PublishVersion", FunctionName="f")
        call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
        call("AddPermission", FunctionName="f", **{**STATEMENT, "StatementId": "s"})
        call("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
        call("TagResource", Resource=A + "f", Tags={"mine": "1"})
        call("PutFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=1)
        for _ in range(2):
            call("PublishLayerVersion", LayerName="l", Content={"ZipFile": ZIP})
        call("AddLayerVersionPermission", LayerName="l", VersionNumber=1, **{**LAYER_STATEMENT, "StatementId": "s"})
        publishers = {"SigningProfileVersionArns": [PROFILE]}
        config = call("CreateCodeSigningConfig", AllowedPublishers=publishers)["CodeSigningConfig"]
        mapping = call("CreateEventSourceMapping", FunctionName="f", EventSourceArn=QUEUE + "-ours")
        self.plane.settle_mapping(mapping["UUID"])
        self._ours = {"CodeSigningConfigArn": config["CodeSigningConfigArn"], "UUID": mapping["UUID"]}
        call("CreateFunction", FunctionName="new", Code={"ZipFile": ZIP}, **CODE_SETTINGS)
        call("UpdateFunctionConfiguration", FunctionName="busy", Timeout=4)

    def told(self, operation: str, wish: dict[str, Any]) -> dict[str, Any]:
        """Return what an operation answers. Raises AwsError."""
        meant = {name: self._ours[name] if value == "ours" else value for name, value in wish.items()}
        return self.plane.call(operation, **{name: value for name, value in meant.items() if value is not None})

    def answer(self, operation: str, wish: dict[str, Any]) -> tuple[int, str, str]:
        """Return status, code and message of what an operation refuses."""
        try:
            self.told(operation, wish)
        except AwsError as error:
            return error.status, error.code, error.message
        return 200, "", ""

    def finish(self, name: str) -> None:
        """Do what is left to do for one function; others stay as they are."""
        others = {other: function for other, function in self.plane.optimiser.held.items() if other != name}
        self.plane.optimiser.held = {key: one for key, one in self.plane.optimiser.held.items() if key == name}
        self.plane.finish()
        self.plane.optimiser.held = others
