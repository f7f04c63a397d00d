"""Two pieces of code that differ, their digests, and a role."""

import base64
import hashlib

from harness import zip_of

ROLE = "arn:aws:iam::000000000000:role/r"
CODES = [zip_of({"app.py": f"# {number}"}) for number in range(2)]
DIGESTS = [base64.b64encode(hashlib.sha256(code).digest()).decode() for code in CODES]
