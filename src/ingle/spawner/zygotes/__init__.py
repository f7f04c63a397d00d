"""Zygotes: preloaded interpreters, each in the minimal root of its runtime, from which environments are forked."""
