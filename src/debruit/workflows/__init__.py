"""One function per verb, from a request to a result, with events on the way and without a terminal."""
