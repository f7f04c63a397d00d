"""AWS SAM templates: read, translated by AWS's own translator, and made resource by resource with plain Lambda calls.

There is no CloudFormation behind this: nothing is remembered between two runs, so what a template no longer has stays.
"""
