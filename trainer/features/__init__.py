"""From league tables to lists: everything a ranker may know before a date, and what it should have said."""
