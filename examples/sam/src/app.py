"""Greets whom the template says, in the words of the layer."""

import os

import words


def handler(event, context):
    return f"{words.GREETING}, {os.environ['GREETED']}!"
