"""The plugin framework: hook specifications, the host that loads plugins, and drivers.

A plugin author imports ``hookimpl`` from here and everything else from ``heliosdb.spi``.
"""

from __future__ import annotations

from heliosdb.plugin.host import Host, PluginStatus, hookimpl, load_plugins

__all__ = ["Host", "PluginStatus", "hookimpl", "load_plugins"]
