"""Workers in containers: settings, argument lists of the runtimes, checks, and one contained process."""
