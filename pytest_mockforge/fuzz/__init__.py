"""The search for requests that a plugin does not stand, built on Hypothesis."""
