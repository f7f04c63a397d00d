#!/bin/sh
# Runs in the guest at each start, from the checkout that the job's disk has brought.
set -eu
# The requirements are installed, whatever the files' times say: there is no network to look again.
touch .venv/.base .venv/.dev
exec .venv/bin/python -m tests.hosts.guest
