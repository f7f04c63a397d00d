"""The supervisor and its programs: settings, confinement, isolation, control groups, the init system."""
