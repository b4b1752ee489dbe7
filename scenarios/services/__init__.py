"""Provide the services of a scenario: those of the user, or embedded ones in a separate process.

``settings.Settings`` chooses them, ``launch.EmbeddedServices`` starts and stops the embedded ones. This module imports
nothing, so that the process of the services does not load modules that only the measured process needs.
"""
