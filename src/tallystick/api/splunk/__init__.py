"""Splunk's search REST, so that programs written for Splunk can search here without a change.

The shapes are those of Splunk's REST API reference (search, saved searches, indexes, fired
alerts) as its Python SDK reads them; nothing else of Splunk is here.
"""

from tallystick.api.splunk.routes import splunk_routes

__all__ = ["splunk_routes"]
