"""From files to the cache: find, scan, plan, decode."""
