"""The services that a scenario runs against: the user's own, or embedded ones in a process of their own.

``settings.Settings`` says which, ``launch.EmbeddedServices`` starts and ends them. Nothing is imported here, so that
the services' process does not load what only the measured one needs.
"""
