"""Who can sign requests. For now this is the root of an account."""

import base64
import hashlib
import os

import msgspec


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A long-lived pair of key id and secret, of the root of an account."""

    account_id: str
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"AccessKey({self.access_key_id})"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request."""

    arn: str
    account: str
    is_root: bool


def root_arn(account: str) -> str:
    """Return the ARN of an account's root."""
    return f"arn:aws:iam::{account}:root"


def unique_id(arn: str) -> str:
    """Return a principal's id in AWS's form: the account of a root, `AROA…:session` of a role's session."""
    account, resource = arn.split(":", 5)[4:]
    if resource == "root":
        return account
    _, role, session = resource.split("/")
    digest = hashlib.sha256(f"{account}/{role}".encode()).digest()
    return f"AROA{base64.b32encode(digest).decode()[:17]}:{session}"


def new_root_access_key(account: str) -> AccessKey:
    """Return a fresh random key in AWS's form: `AKIA` and 16 characters, a secret of 40."""
    identifier = "AKIA" + base64.b32encode(os.urandom(10)).decode()
    return AccessKey(
        account_id=account, access_key_id=identifier, secret_access_key=base64.b64encode(os.urandom(30)).decode()
    )
