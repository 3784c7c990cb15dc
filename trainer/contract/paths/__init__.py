"""Every path of the system. Nobody else joins paths, and nobody else knows a file's name."""
